package io.swav.data;

import io.swav.s3.S3Service;
import java.net.URI;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The data set that a command of {@code swav data} reads, and what in it is an image. */
final class DataFlags {
    @Parameters(
            paramLabel = "URI",
            description = "Folder or URI of the data set, a tar shard, or a pattern: '/data/s-{000..099}.tar'.")
    private String uri = "";

    @Option(
            names = "--image-extension",
            paramLabel = "EXT",
            description =
                    "In shards, the part after the first dot of the entries that are images, as data.imageExtension:"
                            + " 'jpg;png' prefers jpg, '*' takes every image. Default: the one image of each sample.")
    private String imageExtension = "";

    @Option(
            names = "--label-extension",
            paramLabel = "EXT",
            description =
                    "In shards, the entries that are labels, as data.labelExtension: cls, json or txt. Default: cls,"
                            + " or json if there is none.")
    private String labelExtension = "";

    @Option(
            names = "--endpoint",
            paramLabel = "URL",
            description =
                    "S3 service of s3:// data, such as http://minio:9000. Default: AWS, or what AWS_ENDPOINT_URL says.")
    private @Nullable URI endpoint;

    String uri() {
        return uri;
    }

    /** How a place that is not local is reached, with the credentials of this machine. */
    SourceOptions options() {
        SourceOptions standard = SourceOptions.standard();
        return endpoint == null
                ? standard
                : new SourceOptions(S3Service.at(endpoint), standard.authorization(), standard.cache());
    }

    IndexSettings settings() {
        return IndexSettings.of(imageExtension, labelExtension);
    }

    /** Opens the data set; its index is built, with a progress bar, if there is none. */
    DataSet open() {
        try (ConsoleIndexProgress progress = new ConsoleIndexProgress()) {
            return IndexedDataSet.open(uri, options(), settings(), List.of(), progress);
        }
    }
}
