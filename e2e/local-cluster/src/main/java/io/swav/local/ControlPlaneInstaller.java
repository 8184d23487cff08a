package io.swav.local;

import io.fabric8.kubeapitest.KubeAPIServerConfigBuilder;
import io.fabric8.kubeapitest.binary.BinaryManager;
import io.fabric8.kubeapitest.binary.OSInfo;
import io.fabric8.kubeapitest.binary.repo.BinaryRepo;
import io.swav.common.CacheFolder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Finds or builds the control plane's programs. It tries, in this order: the folder that {@code KUBEBUILDER_ASSETS}
 * names; an earlier build on this machine; a download by Fabric8's kube-api-test; a build from Debian's source package,
 * once per machine.
 */
public final class ControlPlaneInstaller {
    private static final String BUILT = "kube-1.20.2";
    /** The newest version on which SwavJob's definition and a job were tested; a later one may reject them. */
    private static final String DOWNLOADED = "1.36.2";

    private static final long REACHABLE_SECONDS = 5;

    private final Map<String, String> env;
    private final Consumer<String> say;

    /** @param say receives a line whenever a lengthy operation starts or makes progress */
    public ControlPlaneInstaller(Map<String, String> env, Consumer<String> say) {
        this.env = env;
        this.say = say;
    }

    /** @throws LocalClusterException if the programs cannot be obtained, with the reason for which the last way failed */
    public KubeBinaries find() {
        String assets = env.get("KUBEBUILDER_ASSETS");
        if (assets != null && !assets.isBlank()) {
            return KubeBinaries.in(Path.of(assets))
                    .orElseThrow(() -> new LocalClusterException("KUBEBUILDER_ASSETS=" + assets
                            + " does not contain etcd and kube-apiserver; correct the folder or unset the variable"));
        }
        Path built = CacheFolder.of(env).resolve(BUILT);
        return KubeBinaries.in(built.resolve("bin"))
                .filter(found -> found.controllerManager().isPresent()) // else the build was interrupted
                .or(this::download)
                .orElseGet(() -> build(built));
    }

    private Optional<KubeBinaries> download() {
        CompletableFuture<Boolean> reachable = CompletableFuture.supplyAsync(
                () -> new BinaryRepo(new OSInfo()).listObjectNames().findAny().isPresent());
        try {
            if (!reachable.get(REACHABLE_SECONDS, TimeUnit.SECONDS)) {
                return Optional.empty();
            }
            say.accept("downloading etcd and kube-apiserver (Fabric8 kube-api-test) ...");
            BinaryManager manager = new BinaryManager(KubeAPIServerConfigBuilder.anAPIServerConfig()
                    .withTestDir(CacheFolder.of(env).resolve("kube-api-test").toString())
                    .withApiServerVersion(DOWNLOADED)
                    .build());
            manager.initAndDownloadIfRequired();
            return KubeBinaries.in(Path.of(manager.binaries().getApiServer().getParent()));
        } catch (TimeoutException | ExecutionException e) {
            return Optional.empty(); // the machine cannot reach the download: the build follows
        } catch (RuntimeException e) {
            say.accept("the download failed (" + e.getMessage() + ")");
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LocalClusterException("interrupted while looking for etcd and kube-apiserver", e);
        }
    }

    private KubeBinaries build(Path dir) {
        say.accept("building etcd, kube-apiserver and kube-controller-manager from Debian's packages into " + dir
                + " (once per machine, 3 to 7 CPU-minutes) ...");
        try {
            Files.createDirectories(dir);
            unpack("controllers.go", dir);
            Path script = unpack("build-kube.sh", dir);
            Process build = new ProcessBuilder("bash", script.toString(), dir.toString())
                    .redirectErrorStream(true)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .start();
            StatusLine progress = StatusLine.errors();
            String last = "";
            try (var lines = build.inputReader()) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    progress.show(line);
                    last = line;
                }
            }
            int code = build.waitFor();
            progress.say(code == 0 ? "the control plane is built" : last);
            if (code != 0) {
                throw new LocalClusterException("the control plane could not be built: " + last
                        + ". Correct this and run the command again, which resumes the build; or set KUBEBUILDER_ASSETS to a"
                        + " folder with etcd, kube-apiserver and kube-controller-manager");
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot build in " + dir, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LocalClusterException("interrupted while building the control plane", e);
        }
        return KubeBinaries.in(dir.resolve("bin"))
                .orElseThrow(() -> new LocalClusterException(
                        "the build finished, but its programs are missing from " + dir.resolve("bin")));
    }

    /** Replaces the file by a new one instead of rewriting it, because a running build may be reading the old one. */
    private static Path unpack(String resource, Path dir) throws IOException {
        Path file = dir.resolve(resource);
        Path unfinished = Files.createTempFile(dir, resource, ".new");
        try (InputStream content = ControlPlaneInstaller.class.getResourceAsStream(resource)) {
            if (content == null) {
                throw new IllegalStateException(resource + " is not on the class path");
            }
            Files.write(unfinished, content.readAllBytes());
        }
        return Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
    }
}
