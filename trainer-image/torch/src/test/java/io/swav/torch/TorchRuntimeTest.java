package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.util.Utils;
import org.junit.jupiter.api.Test;

class TorchRuntimeTest {
    @Test
    void djlWorksOffline() {
        TorchRuntime.start();
        assertThat(Utils.isOfflineMode()).isTrue();
    }
}
