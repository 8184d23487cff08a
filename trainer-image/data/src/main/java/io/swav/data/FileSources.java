package io.swav.data;

import io.swav.api.StorageUri;
import java.util.Optional;
import software.amazon.awssdk.core.exception.SdkClientException;

/** Opens the place of a data set, local or not. */
public final class FileSources {
    /** Enough for all that {@link SampleReads} has in flight, and for the listing. */
    private static final int CONNECTIONS = 2 * SampleReads.IN_FLIGHT;

    private FileSources() {}

    /**
     * Opens a source. A remote one is not contacted yet, so this succeeds even if it is unreachable.
     *
     * @param uri {@code file:///folder} or a plain path, {@code s3://bucket/prefix}, {@code https://host/shard.tar}; with
     *     patterns and lists in braces
     * @throws DataException if the URI is none of these, or a folder is missing
     */
    public static FileSource open(String uri, SourceOptions options) {
        try {
            String identity = uri
                    + options.s3().endpoint().map(endpoint -> " at " + endpoint).orElse("");
            Optional<RangeCache> cache =
                    options.cache().map(kept -> new RangeCache(kept.folder(), kept.bytes(), identity));
            Optional<StorageUri.RemoteData> remote = StorageUri.remoteData(uri);
            FileSource source = remote.isEmpty() ? FolderSource.open(uri) : remote(uri, remote.get(), options, cache);
            return new UnpackingSource(source, new UnpackedShards(cache));
        } catch (IllegalArgumentException e) {
            throw DataException.noInput(String.valueOf(e.getMessage()));
        } catch (SdkClientException e) { // it finds no region
            throw DataException.noInput(
                    uri + " cannot be read; set data.s3.region or AWS_REGION, or the endpoint of the service: "
                            + e.getMessage(),
                    e);
        }
    }

    private static FileSource remote(
            String uri, StorageUri.RemoteData place, SourceOptions options, Optional<RangeCache> cache) {
        RemoteFiles files = place.scheme().equals("s3")
                ? new S3Files(options.s3(), place.authority(), CONNECTIONS)
                : new WebFiles(place.scheme(), place.authority(), options.authorization(), CONNECTIONS);
        RemoteSource source = new RemoteSource(uri, files, RemoteNames.of(place.path()));
        return cache.isPresent() ? new CachingSource(source, cache.get()) : source;
    }
}
