package io.swav.data;

import io.fabric8.kubernetes.api.model.Quantity;
import io.swav.api.TrainerEnv;
import io.swav.s3.S3Flags;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options of every command that opens a data set. */
public final class SourceFlags {
    @Mixin
    private S3Flags s3 = new S3Flags();

    @Option(
            names = "--cache",
            paramLabel = "DIR",
            description = "Folder in which what is read of s3:// and https:// data is kept (default: none).")
    private @Nullable Path cache;

    @Option(
            names = "--cache-size",
            paramLabel = "SIZE",
            description = "The most that is kept there (default: ${DEFAULT-VALUE}).")
    private String cacheSize = "20Gi";

    /**
     * Returns what these options say.
     *
     * @throws IllegalArgumentException if one is not valid; the message is for the user
     */
    public SourceOptions options() {
        return new SourceOptions(
                s3.service(),
                SourceOptions.environment(TrainerEnv.DATA_AUTHORIZATION),
                Optional.ofNullable(cache).map(folder -> new SourceOptions.Cache(folder, bytes(cacheSize))));
    }

    private static long bytes(String size) {
        try {
            return new Quantity(size).getNumericalAmount().longValueExact();
        } catch (ArithmeticException | IllegalArgumentException e) {
            throw new IllegalArgumentException("--cache-size " + size + " is not a size such as 20Gi", e);
        }
    }
}
