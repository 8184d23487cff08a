package io.swav.data;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The contents of {@code pack.json}, which lies in every packed set and says what is in it. Equal images and options give
 * equal bytes.
 *
 * @param source as it was given
 * @param packed number of images in the set
 * @param classes names by label; empty if unknown
 * @param bad images of the source that cannot be decoded and are not in the set
 * @param files of a set of shards; empty for a folder
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record PackReport(
        PackPlan plan,
        String source,
        long packed,
        List<String> classes,
        List<BadSampleLog.BadSample> bad,
        List<PackedFile> files) {
    static final String NAME = "pack.json";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ObjectWriter WRITER = JSON.writerWithDefaultPrettyPrinter();

    /** One shard. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record PackedFile(String name, int samples, long bytes, String sha256) {}

    /**
     * One part of a set, when it is complete.
     *
     * @param file null for a part of a folder, and for a shard without an image
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record PackedPart(
            int packed,
            List<BadSampleLog.BadSample> bad,
            @Nullable PackedFile file) {}

    /** Reads the report of a set; empty if there is none that can be read. */
    static Optional<PackReport> read(Path folder) {
        return read(folder.resolve(NAME), PackReport.class)
                .filter(report -> report.plan != null && report.classes != null);
    }

    static <T> Optional<T> read(Path file, Class<T> type) {
        try {
            return Files.isRegularFile(file)
                    ? Optional.ofNullable(JSON.readValue(file.toFile(), type))
                    : Optional.empty();
        } catch (JsonProcessingException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw DataException.cannotOpen(file, e);
        }
    }

    static void write(Path file, Object value) throws IOException {
        Files.write(file, WRITER.writeValueAsBytes(value));
    }
}
