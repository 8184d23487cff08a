package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PeerAddressTest {
    @ParameterizedTest
    @CsvSource({
        "10.0.0.1:7000, 10.0.0.1, 7000, 10.0.0.1:7000",
        "job-0.trainers.ns.svc:1, job-0.trainers.ns.svc, 1, job-0.trainers.ns.svc:1",
        "localhost:65535, localhost, 65535, localhost:65535",
        "[fd00::1]:7000, fd00::1, 7000, [fd00::1]:7000",
        "fd00::1:7000, fd00::1, 7000, [fd00::1]:7000",
        "[fe80::1%eth0]:7000, fe80::1%eth0, 7000, [fe80::1%eth0]:7000",
        "[::ffff:10.0.0.1]:7000, ::ffff:10.0.0.1, 7000, [::ffff:10.0.0.1]:7000",
    })
    void readsAddressesThatAPeerCanCall(String text, String host, int port, String written) {
        assertThat(PeerAddress.parse(text)).hasValue(new PeerAddress(host, port));
        assertThat(new PeerAddress(host, port)).hasToString(written);
        assertThat(PeerAddress.parse(written)).hasValue(new PeerAddress(host, port));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ":",
                ":7000",
                "10.0.0.1",
                "10.0.0.1:",
                "10.0.0.1:0",
                "10.0.0.1:99999",
                "10.0.0.1:65536",
                "10.0.0.1:-1",
                "10.0.0.1:+80",
                "10.0.0.1:7000 ",
                "10.0.0.1:٣",
                "10.0.0.256:7000",
                "10.0.0:7000",
                "0.0.0.0:7000",
                "[::]:7000",
                "::1",
                "fd00::1",
                "[fd00::1]",
                "[fd00::1:7000",
                "fd00:::1:7000",
                "[10.0.0.1]:7000",
                "[job-0]:7000",
                "http://10.0.0.1:7000",
                "a b:7000",
                "-a:7000",
                "job 0\n:7000",
            })
    void refusesWhatNoPeerCanCall(String text) {
        assertThat(PeerAddress.parse(text)).isEmpty();
    }
}
