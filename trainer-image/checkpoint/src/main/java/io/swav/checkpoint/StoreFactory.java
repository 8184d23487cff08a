package io.swav.checkpoint;

import io.swav.api.StorageUri;
import io.swav.api.SwavJobSpec;
import java.net.URI;
import java.util.Optional;

/** Opens a {@link Store} by its URI. */
public final class StoreFactory {
    private StoreFactory() {}

    /**
     * Returns the service that a spec names, or AWS if it names none.
     *
     * @throws IllegalArgumentException if its endpoint is not a URL; the message is for the user
     */
    public static S3Store.Service service(Optional<SwavJobSpec.S3> spec) {
        return new S3Store.Service(
                spec.map(SwavJobSpec.S3::endpoint).map(StorageUri::endpoint),
                spec.map(SwavJobSpec.S3::region),
                spec.map(SwavJobSpec.S3::pathStyle));
    }

    /**
     * Opens a store.
     *
     * @param uri {@code file:///folder}, {@code s3://bucket/prefix}, or a folder's path
     * @throws IllegalArgumentException if it is none of these; the message is for the user
     */
    public static Store open(String uri, S3Store.Service service) {
        return StorageUri.isBucket(uri)
                ? S3Store.open(URI.create(uri), service)
                : FolderStore.open(StorageUri.storeFolder(uri));
    }
}
