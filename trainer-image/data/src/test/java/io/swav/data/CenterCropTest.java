package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CenterCropTest {
    private static final int SIDE = 8;

    @TempDir
    private Path folder;

    @Test
    void retriesAnImageThatCannotBeReadNow() throws IOException {
        AtomicInteger tries = new AtomicInteger();

        FloatBuffer afterRetries = view(sample -> tries.incrementAndGet() < 3);

        assertThat(tries).hasValue(3);
        assertThat(afterRetries).isEqualTo(view(sample -> false));
    }

    @Test
    void reportsAnImageThatRemainsUnreadableAsRetryable() {
        assertThatThrownBy(() -> view(sample -> true))
                .isInstanceOfSatisfying(
                        DataException.class,
                        e -> assertThat(ExitCodes.isPermanent(e.exitCode())).isFalse())
                .hasMessageContaining("s-000000.tar:key000")
                .hasMessageContaining(FailingReads.PROBLEM);
    }

    private FloatBuffer view(LongPredicate fails) throws IOException {
        DataSetTest.shards(folder, 1, 1);
        FloatBuffer pixels = FloatBuffer.allocate(3 * SIDE * SIDE);
        try (DataSet data = new FailingReads(DataSet.open(folder.toString()), fails)) {
            new CenterCrop(spec()).read(data, 0, pixels);
        }
        return pixels.flip();
    }

    private static SwavJobSpec spec() throws IOException {
        return SpecLoader.complete("test", new ObjectMapper().readTree("""
                {"data": {"uri": "file:///d"}, "recovery": {"hungAfterSeconds": 2},
                 "crops": [{"count": 2, "size": %d, "minScale": 0.14, "maxScale": 1.0}]}
                """.formatted(SIDE)));
    }
}
