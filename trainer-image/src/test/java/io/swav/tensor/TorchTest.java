package io.swav.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.util.Utils;
import org.junit.jupiter.api.Test;

class TorchTest {
    @Test
    void djlTellsNobodyAndDownloadsNothing() {
        Torch.start();
        assertThat(Utils.isOfflineMode()).isTrue();
    }
}
