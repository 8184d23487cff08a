package io.swav.data;

import java.util.List;
import picocli.CommandLine.Mixin;
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

    @Mixin
    private SourceFlags source = new SourceFlags();

    String uri() {
        return uri;
    }

    /** @throws DataException if an option is not valid */
    SourceOptions options() {
        try {
            return source.options();
        } catch (IllegalArgumentException e) {
            throw DataException.noInput(String.valueOf(e.getMessage()));
        }
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
