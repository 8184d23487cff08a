package io.swav.checkpoint.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.DataType;
import io.swav.checkpoint.HostTensor;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests that a network is found by its names, whatever project saved it. */
class ForeignWeightsTest {
    @ParameterizedTest
    @CsvSource({
        "''", // torchvision
        "module.", // SwAV
        "backbone.", // lightly, solo-learn, DINO's student
        "module.backbone.",
        "module.encoder.", // SimSiam
        "_feature_blocks.", // VISSL's trunk
        "online_encoder.net."
    })
    void findsWhatStandsBeforeTheNames(String prefix) throws Exception {
        Map<String, HostTensor> file = network(prefix);
        file.put(prefix + "fc.weight", tensor());
        file.put(prefix + "fc.bias", tensor());
        ForeignWeights found = ForeignWeights.of(file, Optional.empty());
        assertThat(found.origin()).isEqualTo(prefix);
        assertThat(found.tensors()).containsOnlyKeys(network("").keySet());
        assertThat(found.leftOut()).containsExactly(prefix + "fc (2 tensors)");
    }

    @ParameterizedTest
    @CsvSource({
        "module.encoder_q., module.encoder_k.", // MoCo
        "backbone., momentum_backbone.", // solo-learn
        "online_network., target_network.", // BYOL
        "backbone., backbone_momentum." // lightly
    })
    void prefersTheNetworkThatIsTrained(String trained, String follower) throws Exception {
        Map<String, HostTensor> file = network(follower);
        file.putAll(network(trained));
        ForeignWeights found = ForeignWeights.of(file, Optional.empty());
        assertThat(found.origin()).isEqualTo(trained);
        assertThat(found.tensors()).hasSize(4);
        assertThat(ForeignWeights.of(file, Optional.of(follower)).origin()).isEqualTo(follower);
    }

    @Test
    void takesTheHeadThatStandsBesideTheBackbone() throws Exception {
        Map<String, HostTensor> file = network("module.backbone.");
        file.put("module.prototypes.weight", tensor());
        file.put("projection_head.0.weight", tensor());
        file.put("queue", tensor());
        ForeignWeights found = ForeignWeights.of(file, Optional.empty());
        assertThat(found.tensors())
                .containsKeys("prototypes.weight", "projection_head.0.weight")
                .hasSize(6);
        assertThat(found.leftOut()).containsExactly("queue (1 tensor)");
    }

    @Test
    void keepsStagesThatAJobMayNotHave() throws Exception {
        Map<String, HostTensor> file = network("");
        file.put("layer5.0.conv1.weight", tensor());
        assertThat(ForeignWeights.of(file, Optional.empty()).tensors()).containsKey("layer5.0.conv1.weight");
    }

    @Test
    void twoNetworksNeedAChoice() {
        Map<String, HostTensor> file = network("left.");
        file.putAll(network("right."));
        assertThatThrownBy(() -> ForeignWeights.of(file, Optional.empty()))
                .hasMessage("it holds 2 networks, [left., right.]: name one with --prefix, for example --prefix left.");
        assertThatThrownBy(() -> ForeignWeights.of(file, Optional.of("middle")))
                .hasMessageContaining("it has no tensor middle.conv1.weight; its names are [left.");
    }

    @Test
    void anotherNetworkIsNamed() {
        assertThatThrownBy(() -> ForeignWeights.of(Map.of("blocks.0.attn.qkv.weight", tensor()), Optional.empty()))
                .hasMessageContaining("no residual network")
                .hasMessageContaining("blocks.0.attn.qkv.weight");
    }

    private static Map<String, HostTensor> network(String prefix) {
        Map<String, HostTensor> tensors = new LinkedHashMap<>();
        for (String name :
                List.of("conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight")) {
            tensors.put(prefix + name, tensor());
        }
        return tensors;
    }

    private static HostTensor tensor() {
        return new HostTensor(DataType.FLOAT32, List.of(), ByteBuffer.allocate(4));
    }
}
