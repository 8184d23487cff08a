package io.swav.torch;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads the report that a JVM leaves when native code kills it ({@code hs_err_pid*.log}, {@code -XX:ErrorFile}). */
public final class CrashReport {
    private static final String MARK = "#";
    private static final String TITLE = "A fatal error has been detected by the Java Runtime Environment:";
    private static final String FRAME = "Problematic frame:";
    private static final Pattern SIGNAL = Pattern.compile("(SIG[A-Z0-9]+) .*");
    private static final Pattern PROCESS = Pattern.compile(", pid=\\d+.*");
    /** The kind of code, the library with an offset, and the function if its name is known. */
    private static final Pattern NATIVE = Pattern.compile("[CV]\\s+\\[(?<place>[^\\]]+)\\](\\s+(?<function>.+))?");

    private static final Pattern OFFSET = Pattern.compile("\\+0x[0-9a-f]+$");
    private static final Pattern KIND = Pattern.compile("^\\S\\s+");

    private CrashReport() {}

    /**
     * Summarizes in one line what killed the JVM: {@code SIGFPE in dnnl::impl::primitive_t::init (libtorch_cpu.so)}.
     *
     * @return empty if the file does not exist or holds no report
     */
    public static Optional<String> read(Path errorFile) throws IOException {
        if (!Files.isRegularFile(errorFile)) {
            return Optional.empty();
        }
        // the JVM writes names and command lines as raw bytes, in any encoding
        return parse(Files.readString(errorFile, StandardCharsets.ISO_8859_1));
    }

    static Optional<String> parse(String report) {
        List<String> head = report.lines()
                .takeWhile(line -> line.startsWith(MARK))
                .map(line -> line.substring(MARK.length()).strip())
                .filter(line -> !line.isEmpty() && !line.equals(TITLE))
                .toList();
        int frame = head.indexOf(FRAME) + 1;
        String place = frame > 0 && frame < head.size() ? " in " + function(head.get(frame)) : "";
        return head.stream().findFirst().map(cause -> cause(cause) + place);
    }

    private static String cause(String line) {
        Matcher signal = SIGNAL.matcher(line);
        return signal.matches() ? signal.group(1) : PROCESS.matcher(line).replaceFirst("");
    }

    private static String function(String frame) {
        Matcher code = NATIVE.matcher(frame);
        if (!code.matches()) {
            return KIND.matcher(frame).replaceFirst("");
        }
        String place = code.group("place");
        String function = code.group("function");
        return function == null ? place : withoutOffset(function) + " (" + withoutOffset(place) + ")";
    }

    private static String withoutOffset(String place) {
        return OFFSET.matcher(place).replaceFirst("");
    }
}
