package io.swav.checkpoint;

import io.swav.api.StorageUri;
import io.swav.s3.S3Service;
import java.net.URI;

/** Opens a {@link Store} by its URI. */
public final class StoreFactory {
    private StoreFactory() {}

    /**
     * Opens a store.
     *
     * @param uri {@code file:///folder}, {@code s3://bucket/prefix}, or a folder's path
     * @throws IllegalArgumentException if it is none of these; the message is for the user
     */
    public static Store open(String uri, S3Service service) {
        return StorageUri.isBucket(uri)
                ? S3Store.open(URI.create(uri), service)
                : FolderStore.open(StorageUri.storeFolder(uri));
    }
}
