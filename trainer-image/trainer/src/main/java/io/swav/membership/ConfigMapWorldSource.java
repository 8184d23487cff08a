package io.swav.membership;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.swav.api.NewcomerList;
import io.swav.api.ReportRules;
import io.swav.api.ResourceNames;
import io.swav.api.World;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Watches the ConfigMap {@code <job>-world}. While the API server is unreachable the informer keeps trying, and the newest
 * world seen stays valid.
 */
public final class ConfigMapWorldSource implements WorldSource {
    private final LatestWorld newest;
    private final SharedIndexInformer<ConfigMap> informer;
    private volatile String request = "";
    private volatile String seen = "";
    private volatile List<World.Member> newcomers = List.of();
    private volatile Optional<ReportRules> reportRules = Optional.empty();

    /** @param jobUid uid of the SwavJob, which the world document must name */
    public ConfigMapWorldSource(KubernetesClient client, String namespace, String job, String jobUid) {
        this.newest = new LatestWorld(jobUid);
        this.informer = client.configMaps()
                .inNamespace(namespace)
                .withName(ResourceNames.worldName(job))
                .runnableInformer(0)
                .exceptionHandler((started, failure) -> true)
                .addEventHandler(new Handler());
        informer.start();
    }

    @Override
    public World newest() {
        return newest.get();
    }

    @Override
    public Optional<String> problem() {
        return newest.problem();
    }

    @Override
    public void limit(int members) {
        newest.limit(members);
    }

    @Override
    public String checkpointRequest() {
        return request;
    }

    @Override
    public String checkpointsSeen() {
        return seen;
    }

    @Override
    public List<World.Member> newcomers() {
        return newcomers;
    }

    @Override
    public Optional<ReportRules> reportRules() {
        return reportRules;
    }

    @Override
    public void awaitLater(long than, long millis) {
        newest.await(than, millis);
    }

    @Override
    public void close() {
        informer.close();
    }

    private final class Handler implements ResourceEventHandler<ConfigMap> {
        @Override
        public void onAdd(ConfigMap map) {
            Map<String, String> data = map.getData() == null ? Map.of() : map.getData();
            request = data.getOrDefault(ResourceNames.CHECKPOINT_REQUEST_KEY, "");
            seen = data.getOrDefault(ResourceNames.CHECKPOINTS_SEEN_KEY, "");
            reportRules = ReportRules.read(data.get(ResourceNames.REPORT_RULES_KEY));
            newcomers = NewcomerList.read(data.get(ResourceNames.NEWCOMERS_KEY));
            String json = data.get(ResourceNames.WORLD_KEY);
            String source = "ConfigMap " + map.getMetadata().getName();
            if (json == null) {
                newest.ignore(
                        "", source + " is ignored, and training continues: it has no key " + ResourceNames.WORLD_KEY);
            } else {
                newest.offer(json, source);
            }
        }

        @Override
        public void onUpdate(ConfigMap before, ConfigMap map) {
            onAdd(map);
        }

        /** Does nothing: only the operator can end a world; deleting its document removes no member. */
        @Override
        public void onDelete(ConfigMap map, boolean finalStateUnknown) {}
    }
}
