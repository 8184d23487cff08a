package io.swav.e2e;

import io.swav.charts.ProjectFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Runs commands as a user would in the project's folder, with a kubeconfig and a home of its own. */
final class Shell {
    /** @param output standard output and standard error */
    record Done(int code, String output) {}

    private final Path home;
    private final Path kubeconfig;

    /** @param namespace the namespace of commands without {@code -n} */
    Shell(Path home, Path kubeconfig, String namespace) {
        this.home = home;
        this.kubeconfig = home.resolve("kubeconfig");
        try {
            Files.createDirectories(home);
            Files.writeString(
                    this.kubeconfig,
                    Files.readString(kubeconfig).replaceAll("namespace: .*", "namespace: " + namespace));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Done run(String command) {
        return run(command, "");
    }

    Done run(String command, String input) {
        try {
            Path in = Files.writeString(home.resolve("stdin"), input);
            ProcessBuilder builder = new ProcessBuilder("sh", "-c", command)
                    .directory(ProjectFiles.PROJECT.toFile())
                    .redirectInput(in.toFile())
                    .redirectErrorStream(true);
            builder.environment().put("KUBECONFIG", kubeconfig.toString());
            builder.environment().put("HOME", home.toString());
            Process process = builder.start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Done(process.waitFor(), output);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Runs the command and returns its output; throws with the output if the command fails. */
    String must(String command, String input) {
        Done done = run(command, input);
        if (done.code() != 0) {
            throw new AssertionError(command + ": exit code " + done.code() + "\n" + done.output());
        }
        return done.output();
    }

    boolean has(String program) {
        return run("command -v " + program).code() == 0;
    }
}
