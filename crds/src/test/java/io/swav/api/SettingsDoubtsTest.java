package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsDoubtsTest {
    private static List<String> doubts(String model, String assignment, String training, OptionalLong steps)
            throws IOException {
        String spec = "{template: {spec: {containers: [{name: trainer, image: x}]}}, data: {uri: 'file:///d'}, model: {"
                + model + "}, assignment: {" + assignment + "}, training: {" + training + "}}";
        return SettingsDoubts.of(
                SpecLoader.complete("test", new ObjectMapper(new YAMLFactory()).readTree(spec)), steps);
    }

    @Test
    void findsNothingInThePapersSettings() throws IOException {
        assertThat(doubts(
                        "prototypes: 3000",
                        "epsilon: 0.05",
                        "globalBatch: 4096, groupSize: 64, optimizer: {learningRate: 4.8}",
                        OptionalLong.of(31_200)))
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "prototypes: 5120 | epsilon: 0.05 | globalBatch: 256, groupSize: 64 | model.prototypes 5120",
                "prototypes: 300 | epsilon: 0.001 | globalBatch: 256, groupSize: 64 | assignment.epsilon 0.001",
                "prototypes: 300 | epsilon: 0.05 | globalBatch: 256, groupSize: 1 | training.groupSize is 1",
                "prototypes: 300 | epsilon: 0.05 | globalBatch: 256, groupSize: 64, prototypesFrozenSteps: 900 | training.prototypesFrozenSteps 900",
                "prototypes: 300 | epsilon: 0.05 | globalBatch: 256, groupSize: 64, optimizer: {learningRate: 60} | training.optimizer.learningRate 60"
            })
    void namesTheSettingThatFails(String model, String assignment, String training, String begin) throws IOException {
        String all = training
                + (training.contains("optimizer") ? "" : ", optimizer: {learningRate: 0.6}")
                + (training.contains("Frozen") ? "" : ", prototypesFrozenSteps: 10");
        assertThat(doubts(model, assignment, all, OptionalLong.of(800)))
                .singleElement()
                .asString()
                .startsWith(begin);
    }
}
