package io.swav.data;

import io.swav.data.BuildClaim.Timing;
import java.nio.file.AccessDeniedException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code swav data index}. */
@Command(
        name = "index",
        description = {
            "Builds the index of a data set and keeps it beside the data, so that trainers start in seconds.",
            "Trainers build it themselves if there is none. Shards that were added or written again since are found at"
                    + " every start, and so are images that were added to or removed from folders; for loose images in"
                    + " a bucket run this command after a change."
        },
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:the index is built and kept",
            "65:the data is damaged, or can be meant in more than one way",
            "66:the data is missing",
            "70:the data cannot be read now",
            "73:the index cannot be kept anywhere"
        })
public final class DataIndexCommand implements Callable<Integer> {
    @Mixin
    private DataFlags data = new DataFlags();

    @Override
    public Integer call() {
        try (FileSource source = FileSources.open(data.uri(), data.options())) {
            IndexKeeper.Opened built = build(source);
            if (built.where().isEmpty()) {
                throw DataException.cannotWrite(
                        "the index of " + data.uri()
                                + " can be written neither beside the data nor to this machine's cache;"
                                + " make one of them writable",
                        new AccessDeniedException(data.uri()));
            }
            IndexMeta meta = built.index().meta();
            System.out.println(meta.inventory().summary());
            meta.inventory().notes().forEach(note -> System.out.println("note: " + note));
            System.out.println("fingerprint " + meta.fingerprint().digest() + ", index kept in " + built.where());
            return 0;
        }
    }

    private IndexKeeper.Opened build(FileSource source) {
        try (ConsoleIndexProgress progress = new ConsoleIndexProgress()) {
            return new IndexKeeper(source, data.settings(), List.of(), IndexKeeper.work(), Timing.STANDARD)
                    .rebuild(progress);
        }
    }
}
