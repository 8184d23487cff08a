package io.swav.local;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A cluster's folder that an earlier version left. Its etcd accepted every local user, its operator and trainers listened
 * at all addresses, and others could read some of its files.
 */
final class EarlierVersion {
    private static final int ANSWER_MILLIS = 2000;

    private EarlierVersion() {}

    /**
     * Checks that nothing of an earlier version runs: half of a cluster cannot be replaced.
     *
     * @throws LocalClusterException if something does; it is left as it is
     */
    static void refuseRunning(Path dir, ControlPlanePorts ports) {
        List<String> running = running(dir);
        boolean open = running.contains("etcd") && answersWithoutKeys(ports.etcd());
        if (open || (isKeyless(dir) && !running.isEmpty())) {
            throw new LocalClusterException("the cluster in " + dir + " (" + String.join(", ", running)
                    + ") was started by an earlier version of swav, and every user of this machine can control it."
                    + " It was left as it is. End it and its jobs with ./swav down --dir " + dir
                    + ", then start it again; checkpoints and logs stay");
        }
    }

    /** Takes the rights of other users away from the files of an earlier version. */
    static void takeOver(Path dir) throws IOException {
        if (isKeyless(dir)) {
            PrivateFiles.takeOverTree(dir);
        }
    }

    private static boolean isKeyless(Path dir) {
        return !new ClusterCertificates(dir.resolve("pki")).hasEtcd();
    }

    /** Returns the names of processes that this folder's files name and that are alive. */
    private static List<String> running(Path dir) {
        Stream<String> daemons = PodFolder.children(dir).stream()
                .map(file -> String.valueOf(file.getFileName()))
                .filter(file -> file.endsWith(".pid"))
                .map(file -> file.substring(0, file.length() - ".pid".length()))
                .filter(name -> BackgroundProcess.find(dir, name).isPresent());
        Stream<String> pods = PodFolder.children(dir.resolve("pods")).stream()
                .map(PodFolder::new)
                .filter(pod -> pod.processes().map(ContainerProcess::adopt).anyMatch(Optional::isPresent))
                .map(pod -> "pod " + pod.name());
        return Stream.concat(daemons, pods).sorted().toList();
    }

    /** Whether etcd answers a request without TLS. */
    private static boolean answersWithoutKeys(int port) {
        try {
            HttpURLConnection version = (HttpURLConnection)
                    URI.create("http://127.0.0.1:" + port + "/version").toURL().openConnection(Proxy.NO_PROXY);
            version.setConnectTimeout(ANSWER_MILLIS);
            version.setReadTimeout(ANSWER_MILLIS);
            try {
                return version.getResponseCode() == HttpURLConnection.HTTP_OK;
            } finally {
                version.disconnect();
            }
        } catch (IOException e) {
            return false; // it has ended, or expects TLS
        }
    }
}
