package io.swav.conformance;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code golden DIR}: compares this code with numbers from the reference implementation. */
@Command(
        name = "golden",
        mixinStandardHelpOptions = true,
        description = {
            "Compares this code with numbers from the reference implementation, at several world sizes.",
            "A case that crashes or hangs fails alone: new processes run the others."
        },
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:all passed", "1:at least one case failed", "2:the folder does not exist or holds no fixtures"
        })
public final class GoldenCommand implements Callable<Integer> {
    /** The longest silence of the processes; a case takes seconds. */
    private static final Duration SILENCE_LIMIT = Duration.ofMinutes(10);

    @Parameters(paramLabel = "DIR", description = "Folder of .npz and .json fixtures.")
    private Path folder = Path.of(".");

    @Option(
            names = "--world-sizes",
            split = ",",
            paramLabel = "N",
            description = "World sizes to run; each rank is a process of its own. Default: ${DEFAULT-VALUE}",
            defaultValue = "1,2,4")
    private List<Integer> worldSizes = List.of(1, 2, 4);

    @Spec
    private CommandSpec spec = CommandSpec.create();

    private final Map<GoldenCase.CaseOutcome, Integer> counts = new EnumMap<>(GoldenCase.CaseOutcome.class);

    @Override
    public Integer call() throws IOException, InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        if (!Files.isDirectory(folder)) {
            err.println("golden: folder " + folder + " does not exist");
            return 2;
        }
        try (var files = Files.list(folder)) {
            if (files.noneMatch(path -> path.toString().endsWith(".npz"))) {
                err.println("golden: " + folder + " holds no .npz files");
                return 2;
            }
        }
        Consumer<GoldenCase> report = result -> {
            counts.merge(result.outcome(), 1, Integer::sum);
            out.println(result.line());
            out.flush();
        };
        for (int size : worldSizes) {
            CaseProcesses.run(GoldenRank.class, size, SILENCE_LIMIT, folder.toString(), report);
        }
        out.println(counts.getOrDefault(GoldenCase.CaseOutcome.PASSED, 0) + " passed, "
                + counts.getOrDefault(GoldenCase.CaseOutcome.FAILED, 0) + " failed, "
                + counts.getOrDefault(GoldenCase.CaseOutcome.SKIPPED, 0) + " skipped");
        out.flush();
        return counts.containsKey(GoldenCase.CaseOutcome.FAILED) ? 1 : 0;
    }
}
