package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InformersTest {
    @ParameterizedTest
    @CsvSource({
        "a, 9, a, 10, true", // by number, not by letter
        "a, 10, a, 10, false", // the watch was as fast
        "a, 11, a, 10, false", // and somebody has written since
        "a, 99999999999999999999, a, 100000000000000000000, true",
        "a, 11, b, 10, true", // another object of that name
        "a, x2, a, x1, true", // cannot be compared: the next event decides
        "a, x1, a, x1, false"
    })
    void aCacheIsBehindWhatIsNewer(String uid, String version, String writtenUid, String written, boolean behind) {
        assertThat(Informers.isBehind(map(uid, version), map(writtenUid, written)))
                .isEqualTo(behind);
    }

    private static ConfigMap map(String uid, String version) {
        return new ConfigMapBuilder()
                .withNewMetadata()
                .withUid(uid)
                .withResourceVersion(version)
                .endMetadata()
                .build();
    }
}
