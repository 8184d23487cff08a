package io.swav.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ControlPlaneCommandsTest {
    @TempDir
    private Path dir;

    /** A controller that a version does not know is an error there, and one that is not asked for does not run. */
    @ParameterizedTest
    @CsvSource({
        "v1.20.2, false, true",
        "v1.23.17, false, true",
        "v1.24.0, false, false",
        "v1.28.15, false, false",
        "v1.29.0, true, false",
        "v1.36.2, true, false"
    })
    void asksForTheControllersAndFlagsOfTheVersion(String version, boolean evictsApart, boolean insecurePort)
            throws IOException {
        List<String> command = commands().controllerManager(program("echo Kubernetes " + version));
        String controllers = command.stream()
                .filter(option -> option.startsWith("--controllers="))
                .findFirst()
                .orElseThrow();
        assertThat(controllers.contains(",taint-eviction-controller")).isEqualTo(evictsApart);
        assertThat(controllers).contains("nodelifecycle");
        assertThat(command.contains("--port=0")).isEqualTo(insecurePort);
    }

    @Test
    void namesAProgramThatIsNoneOfKubernetes() throws IOException {
        Path program = program("echo hello");
        assertThatThrownBy(() -> commands().controllerManager(program))
                .isInstanceOf(LocalClusterException.class)
                .hasMessageContaining("printed 'hello', not a Kubernetes version");
    }

    private ControlPlaneCommands commands() {
        return new ControlPlaneCommands(
                dir,
                new KubeBinaries(dir.resolve("etcd"), dir.resolve("kube-apiserver"), Optional.empty()),
                new ClusterCertificates(dir),
                new ControlPlanePorts(1, 2, 3));
    }

    private Path program(String line) throws IOException {
        Path file = Files.writeString(dir.resolve("kube-controller-manager"), "#!/bin/sh\n" + line + "\n");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
    }
}
