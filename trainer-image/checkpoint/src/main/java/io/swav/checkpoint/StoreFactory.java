package io.swav.checkpoint;

import io.swav.api.SwavJobSpec;
import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;

/** Opens a {@link Store} by its URI. */
public final class StoreFactory {
    private StoreFactory() {}

    /** Returns the service that a spec names, or AWS if it names none. */
    public static S3Store.Service service(Optional<SwavJobSpec.S3> spec) {
        return new S3Store.Service(
                spec.map(SwavJobSpec.S3::endpoint).map(URI::create),
                spec.map(SwavJobSpec.S3::region),
                spec.map(SwavJobSpec.S3::pathStyle));
    }

    /**
     * Opens a store.
     *
     * @param uri {@code file:///folder}, {@code s3://bucket/prefix}, or a folder's path
     * @throws IllegalArgumentException if it is none of these, or the service's endpoint is not a URL; the message is
     *     for the user
     */
    public static Store open(String uri, S3Store.Service service) {
        URI parsed = URI.create(uri);
        if (parsed.getScheme() == null) {
            return FolderStore.open(Path.of(uri));
        }
        if (parsed.getScheme().equals("file") && parsed.getAuthority() == null && parsed.getPath() != null) {
            return FolderStore.open(Path.of(parsed.getPath()));
        }
        if (parsed.getScheme().equals("s3") && parsed.getAuthority() != null) {
            return S3Store.open(parsed, service);
        }
        throw new IllegalArgumentException("\"" + uri + "\" is neither file:///folder nor s3://bucket/prefix");
    }
}
