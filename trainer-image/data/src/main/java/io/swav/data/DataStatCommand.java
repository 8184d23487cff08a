package io.swav.data;

import io.swav.api.Shown;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code swav data stat}. */
@Command(
        name = "stat",
        description = {
            "Shows what a data set holds: images, classes, labels, and what is ignored and why.",
            "No image is opened; swav data verify does that."
        },
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:the data set can be opened",
            "65:the data is damaged, or can be meant in more than one way",
            "66:the data is missing",
            "70:the data cannot be read now"
        })
public final class DataStatCommand implements Callable<Integer> {
    private static final int CLASSES_SHOWN = 20;

    @Mixin
    private DataFlags data = new DataFlags();

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the result to FILE as JSON.")
    private @Nullable Path json;

    @Override
    public Integer call() throws IOException {
        try (DataSet set = data.open()) {
            Inventory inventory = set.inventory();
            print(set, inventory);
            if (json != null) {
                Map<String, Object> all = new LinkedHashMap<>();
                all.put("uri", data.uri());
                all.put("fingerprint", set.fingerprint().digest());
                all.put("inventory", inventory);
                all.put("classNames", set.classNames());
                IndexFile.JSON.writerWithDefaultPrettyPrinter().writeValue(json.toFile(), all);
            }
            return 0;
        }
    }

    private void print(DataSet set, Inventory inventory) {
        line("layout", inventory.layout().text());
        line("images", "%,d", inventory.images());
        line("labelled", "%,d", inventory.labelled());
        line("classes", "%,d%s", inventory.classes(), named(set.classNames()));
        line("files", "%,d", inventory.files());
        line("bytes of images", "%,d", inventory.bytes());
        line("fingerprint", set.fingerprint().digest());
        line("ignored", "%,d", inventory.ignoredCount());
        inventory.ignored().forEach(ignored -> line("", "%s", ignored));
        inventory.notes().forEach(note -> line("note", "%s", note));
    }

    private static void line(String what, String format, Object... values) {
        System.out.printf(Locale.ROOT, "%-16s %s%n", what, String.format(Locale.ROOT, format, values));
    }

    private static String named(List<String> names) {
        if (names.isEmpty()) {
            return "";
        }
        String first = String.join(
                ", ", names.stream().limit(CLASSES_SHOWN).map(Shown::of).toList());
        return " (" + first + (names.size() > CLASSES_SHOWN ? ", …)" : ")");
    }
}
