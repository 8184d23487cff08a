package io.swav.torch;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Starts a JVM like this one, which may die without ending this process. */
public final class ChildJvm {
    private ChildJvm() {}

    /**
     * Prepares a process with the Java, the class path and the native libraries of this one.
     *
     * @param crashReport receives the JVM's report if native code kills it, see {@link CrashReport}
     * @param options of the JVM, in addition to those for a small and short one
     */
    public static ProcessBuilder prepare(
            Path crashReport, List<String> options, Class<?> main, List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:ErrorFile=" + crashReport));
        command.addAll(NativeLibraries.options());
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(arguments);
        return new ProcessBuilder(command);
    }
}
