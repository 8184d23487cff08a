package io.swav.local;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.KeyToPath;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.VolumeProjection;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Provides a pod's volumes as folders of this machine: configMap, secret, emptyDir, hostPath, projected, downwardAPI. */
final class PodVolumes {
    private final KubernetesClient client;
    private final Pod pod;
    private final Path dir;
    private final Map<String, Path> folders = new HashMap<>();

    /** @param dir the folder in which the volumes are created */
    PodVolumes(KubernetesClient client, Pod pod, Path dir) {
        this.client = client;
        this.pod = pod;
        this.dir = dir;
    }

    /**
     * Creates every volume that does not exist yet.
     *
     * @throws PodConfigException naming the volume and what is missing, worded as by a kubelet
     */
    void prepare() {
        for (Volume volume : pod.getSpec().getVolumes()) {
            if (!folders.containsKey(volume.getName())) {
                try {
                    folders.put(volume.getName(), make(volume));
                } catch (PodConfigException e) {
                    throw failed(volume, String.valueOf(e.getMessage()));
                } catch (IOException e) {
                    throw failed(volume, e.toString());
                }
            }
        }
    }

    private static PodConfigException failed(Volume volume, String why) {
        return new PodConfigException("MountVolume.SetUp failed for volume \"" + volume.getName() + "\" : " + why);
    }

    /** Maps container paths to host paths for the mounts of {@code container}. */
    Map<String, String> mounts(Container container) {
        Map<String, String> mounts = new LinkedHashMap<>();
        for (VolumeMount mount : container.getVolumeMounts()) {
            Path folder = folders.get(mount.getName());
            if (folder == null) {
                throw new PodConfigException("volumeMount " + mount.getName() + " names no volume of the pod");
            }
            String sub = mount.getSubPath() == null ? "" : mount.getSubPath();
            mounts.put(strip(mount.getMountPath()), folder.resolve(sub).toString());
        }
        return mounts;
    }

    private static String strip(String path) {
        return path.length() > 1 && path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
    }

    private Path make(Volume volume) throws IOException {
        if (volume.getHostPath() != null) {
            Path path = Path.of(volume.getHostPath().getPath());
            String type = volume.getHostPath().getType();
            if ("DirectoryOrCreate".equals(type)) {
                Files.createDirectories(path);
            } else if ("Directory".equals(type) && !Files.isDirectory(path)) {
                throw new PodConfigException("hostPath type check failed: " + path + " is not a directory");
            }
            return path;
        }
        Path folder = PrivateFiles.folder(dir.resolve(volume.getName()));
        if (volume.getEmptyDir() != null) {
            return folder;
        }
        if (volume.getConfigMap() != null) {
            var source = volume.getConfigMap();
            write(folder, configMap(source.getName(), source.getOptional()), source.getItems());
        } else if (volume.getSecret() != null) {
            var source = volume.getSecret();
            write(folder, secret(source.getSecretName(), source.getOptional()), source.getItems());
        } else if (volume.getProjected() != null) {
            for (VolumeProjection source : volume.getProjected().getSources()) {
                project(folder, source);
            }
        } else if (volume.getDownwardAPI() != null) {
            for (var item : volume.getDownwardAPI().getItems()) {
                put(
                        folder,
                        item.getPath(),
                        PodEnvironment.field(pod, item.getFieldRef()).getBytes(StandardCharsets.UTF_8));
            }
        } else {
            throw new PodConfigException("the local node supports only volumes of configMap, secret, emptyDir,"
                    + " hostPath, projected and downwardAPI");
        }
        return folder;
    }

    private void project(Path folder, VolumeProjection source) throws IOException {
        if (source.getServiceAccountToken() != null) {
            put(
                    folder,
                    source.getServiceAccountToken().getPath(),
                    ServiceAccounts.token(client, pod).getBytes(StandardCharsets.UTF_8));
        } else if (source.getConfigMap() != null) {
            var map = source.getConfigMap();
            write(folder, configMap(map.getName(), map.getOptional()), map.getItems());
        } else if (source.getSecret() != null) {
            var secret = source.getSecret();
            write(folder, secret(secret.getName(), secret.getOptional()), secret.getItems());
        } else if (source.getDownwardAPI() != null) {
            for (var item : source.getDownwardAPI().getItems()) {
                put(
                        folder,
                        item.getPath(),
                        PodEnvironment.field(pod, item.getFieldRef()).getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    private Map<String, byte[]> configMap(String name, @Nullable Boolean optional) {
        return bytes(PodEnvironment.configMap(client, pod, name, Boolean.TRUE.equals(optional)));
    }

    private Map<String, byte[]> secret(String name, @Nullable Boolean optional) {
        return bytes(PodEnvironment.secret(client, pod, name, Boolean.TRUE.equals(optional)));
    }

    private static Map<String, byte[]> bytes(ConfigMap map) {
        Map<String, byte[]> files = new HashMap<>();
        map.getData().forEach((key, text) -> files.put(key, text.getBytes(StandardCharsets.UTF_8)));
        map.getBinaryData()
                .forEach((key, text) -> files.put(key, Base64.getDecoder().decode(text)));
        return files;
    }

    private static Map<String, byte[]> bytes(Secret secret) {
        Map<String, byte[]> files = new HashMap<>();
        secret.getData()
                .forEach((key, text) -> files.put(key, Base64.getDecoder().decode(text)));
        return files;
    }

    private static void write(Path folder, Map<String, byte[]> files, List<KeyToPath> items) throws IOException {
        if (items.isEmpty()) {
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                put(folder, file.getKey(), file.getValue());
            }
        }
        for (KeyToPath item : items) {
            byte[] content = files.get(item.getKey());
            if (content == null) {
                throw new PodConfigException("references non-existent key: " + item.getKey());
            }
            put(folder, item.getPath(), content);
        }
    }

    private static void put(Path folder, String name, byte[] content) throws IOException {
        Path file = folder.resolve(name);
        PrivateFiles.folder(file.resolveSibling(""));
        PrivateFiles.write(file, content);
    }
}
