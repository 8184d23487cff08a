package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpecLoaderTest {
    @TempDir
    Path folder;

    @Test
    void aBareSpecGetsThePapersDefaults() throws IOException {
        SwavJobSpec spec = load("data: {uri: file:///data}\ntraining: {optimizer: {weightDecay: 1e-5}}\n");

        assertThat(spec.model()).isEqualTo(new ModelSpec("resnet50", "imagenet", 3000, 128, 2048));
        assertThat(spec.crops()).containsExactly(new CropSpec(2, 224, 0.14, 1.0), new CropSpec(6, 96, 0.05, 0.14));
        assertThat(spec.training().optimizer())
                .isEqualTo(new TrainingSpec.Optimizer(4.8, 0.0048, 0.3, 10.0, 0.9, 1e-5, 0.001, false));
        assertThat(spec.training().groups()).isEqualTo(64);
        assertThat(spec.maxReplicas()).isEqualTo(64);
        assertThat(spec.template()).isNull();
    }

    @Test
    void aWholeJobIsReadToo() throws IOException {
        SwavJobSpec spec = load("""
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata: {name: a}
                spec:
                  data: {uri: file:///data}
                  template: {spec: {containers: [{name: trainer, image: swav-trainer}]}}
                """);

        assertThat(spec.template())
                .hasToString("{\"spec\":{\"containers\":[{\"name\":\"trainer\",\"image\":\"swav-trainer\"}]}}");
    }

    @Test
    void theTrainersConfigReadsBackAsTheSameSpec() throws IOException {
        SwavJobSpec spec = load("{data: {uri: file:///data}, replicas: 3}");

        assertThat(load(SpecLoader.config(spec))).isEqualTo(spec);
    }

    @Test
    void rejectsWhatIsNotASpec() {
        assertThatThrownBy(() -> load("kind: Pod")).hasMessageContaining("kind is \"Pod\", must be SwavJob");
        assertThatThrownBy(() -> load("{")).hasMessageContaining("not YAML or JSON");
        assertThatThrownBy(() -> load("")).hasMessageContaining("spec is missing");
        assertThatThrownBy(() -> SpecLoader.load(folder.resolve("none.yaml")))
                .isInstanceOf(InvalidSpecException.class)
                .hasMessageContaining("none.yaml")
                .hasMessageContaining("cannot be read");
    }

    private SwavJobSpec load(String text) throws IOException {
        return SpecLoader.load(Files.writeString(folder.resolve("job.yaml"), text));
    }
}
