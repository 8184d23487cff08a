package io.swav.data;

import io.swav.data.PackPlan.PackLayout;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code swav data pack}. */
@Command(
        name = "pack",
        description = {
            "Packs images into shuffled tar shards, or shards into a folder of images. Images are copied as they are,"
                    + " with their EXIF orientation.",
            "The set appears, or replaces an earlier one, when it is complete; a pack that ended early is continued by"
                    + " the same command. Do not replace the data of a running job: pack into another folder."
        },
        mixinStandardHelpOptions = true)
public final class DataPackCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "DATA",
            description = "Folder or URI of images: class sub-folders, a flat folder, or tar shards.")
    private String source = "";

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Folder to write; it is replaced.")
    private Path out = Path.of("");

    @Option(
            names = "--to",
            paramLabel = "Shards|Folder",
            description = "What to write: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private PackLayout layout = PackLayout.Shards;

    @Option(names = "--per-shard", description = "Samples in a shard (default: ${DEFAULT-VALUE}).")
    private int perShard = 1000;

    @Option(names = "--seed", description = "Random seed of the sample order (default: ${DEFAULT-VALUE}).")
    private long seed = 31;

    @Option(names = "--threads", description = "Shards that are written at the same time (default: processors).")
    private int threads = Runtime.getRuntime().availableProcessors();

    @Option(
            names = "--keep-old",
            description = "Keep the set that is replaced, as DIR.old: other machines may have it open.")
    private boolean keepOld;

    @Option(
            names = "--max-bad-samples",
            paramLabel = "N",
            description = "Images that may be left out, because they cannot be decoded, with exit code 0"
                    + " (default: ${DEFAULT-VALUE}). More of them give exit code 65; the set is written all the same.")
    private int maxBadSamples;

    @Option(
            names = "--json",
            paramLabel = "FILE",
            description = "Also write the report to FILE, which is in the set as " + PackReport.NAME + ".")
    private @Nullable Path json;

    /** How long an earlier set stays for readers that are listing it; shorter in tests. */
    Duration listing = DataPack.LISTING;

    @Spec
    private CommandSpec command = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        if (perShard < 1 || threads < 1) {
            throw DataException.badData("--per-shard and --threads must be at least 1");
        }
        try (DataSet data = DataSet.open(source)) {
            PackReport report = pack(data);
            if (json != null) {
                PackReport.write(json, report);
            }
            BadSampleLog bad = new BadSampleLog(data, command.commandLine().getErr());
            report.bad().forEach(bad::add);
            command.commandLine()
                    .getOut()
                    .println("packed " + report.packed() + " images into " + out.toAbsolutePath());
            return bad.exitCode(maxBadSamples, data.size(), "left out");
        }
    }

    private PackReport pack(DataSet data) {
        try {
            return new DataPack(data, out, listing).pack(source, layout, perShard, seed, threads, keepOld);
        } catch (IOException e) {
            throw DataException.cannotWrite(
                    "cannot pack into " + out
                            + " (the set is written beside it, so both must be on one file system, and"
                            + " a volume's root cannot be replaced: give a folder in it)",
                    e);
        }
    }
}
