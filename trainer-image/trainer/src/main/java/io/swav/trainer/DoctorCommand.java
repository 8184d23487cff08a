package io.swav.trainer;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code swav doctor}: reports what this machine or container has, and what is wrong with it. */
@Command(
        name = "doctor",
        description = {
            "Checks what training needs on this machine, and says how to fix what is missing or wrong.",
            "In a pod: kubectl exec POD -- followed by the image's own command and doctor."
        },
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:training can run", "1:training cannot run"})
public final class DoctorCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the findings to FILE, JSON.")
    private @Nullable Path json;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    private final Map<String, String> env;
    private final Path root;

    /** Creates the command as users run it. */
    public DoctorCommand() {
        this(System.getenv(), Path.of("/"));
    }

    /** @param root of the file system that is checked */
    DoctorCommand(Map<String, String> env, Path root) {
        this.env = env;
        this.root = root;
    }

    @Override
    public Integer call() throws IOException {
        List<DoctorFinding> findings = new ArrayList<>(new MachineChecks(env, root).all());
        findings.addAll(new ComputeChecks(env, root).all());
        boolean runs = findings.stream().noneMatch(finding -> finding.grade() == DoctorFinding.Grade.Bad);
        print(findings, runs);
        if (json != null) {
            JSON.writerWithDefaultPrettyPrinter()
                    .writeValue(json.toFile(), Map.of("canTrain", runs, "findings", findings));
        }
        return runs ? 0 : 1;
    }

    private void print(List<DoctorFinding> findings, boolean runs) {
        PrintWriter out = spec.commandLine().getOut();
        for (DoctorFinding finding : findings) {
            String mark = switch (finding.grade()) {
                case Good -> "ok   ";
                case Warning -> "warn ";
                case Bad -> "WRONG";
            };
            out.printf("%s  %-16s %s%n", mark, finding.what(), finding.found());
            if (finding.advice() != null) {
                out.printf("       %-16s -> %s%n", "", finding.advice());
            }
        }
        out.println(runs ? "training can run here" : "training cannot run here");
        out.flush();
    }
}
