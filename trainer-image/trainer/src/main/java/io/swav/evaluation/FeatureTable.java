package io.swav.evaluation;

import io.swav.data.DataSet;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The table beside an array of features: a line with name, label and class name for each row (CSV, RFC 4180). */
final class FeatureTable {
    private FeatureTable() {}

    static void write(Path file, DataSet data, List<String> classes, int[] samples) throws IOException {
        try (BufferedWriter out = Files.newBufferedWriter(file)) {
            out.write("name,label,class\n");
            for (int sample : samples) {
                int label = data.label(sample);
                String name = label >= 0 && label < classes.size() ? classes.get(label) : "";
                out.write(quoted(data.place(sample)) + "," + (label < 0 ? "" : label) + "," + quoted(name) + "\n");
            }
        }
    }

    private static String quoted(String text) {
        boolean plain = text.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
        return plain ? text : '"' + text.replace("\"", "\"\"") + '"';
    }
}
