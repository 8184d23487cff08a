package io.swav.operator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.swav.api.AssignmentSpec;
import io.swav.api.ConditionReason;
import io.swav.api.ResourceNames;
import io.swav.api.SpecValidator;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.SwavJobStatus;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.ObservedPod;
import io.swav.planner.Reporting;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the informers' caches into a {@link JobSnapshot}. Each cache is of a time of its own, so the API server itself
 * is asked before the absence, silence or end of a pod is judged: whether a member's pod is gone that no cache contains
 * (after a start the pods may be older than the world, if the list came from an API server's cache), and for the
 * reports, which may include a trainer's last one.
 */
final class SnapshotReader {
    private static final Logger LOG = LoggerFactory.getLogger(SnapshotReader.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Pods, and their label values, are named after the job. */
    private static final int MAX_NAME_LENGTH = 52;

    /**
     * The number of pods, the oldest, whose Events are read in one reconciliation: pods that do not start mostly wait
     * for the same thing.
     */
    private static final int MAX_PODS_WITH_EVENTS = 16;

    /** Reads objects from the API server instead of a cache. */
    interface Live {
        Optional<Pod> pod(ResourceID id);

        Optional<ConfigMap> map(ResourceID id);

        /** Returns the Events of a pod whose status does not state what it waits for. */
        PodHolds.Events events(Pod pod, Instant now);

        /** Finds out whether the trainers of these pods are able to report. */
        Reporting reporting(SwavJob job, List<TrainerAccess.SilentPod> silent);
    }

    private final Signals signals;
    private final Function<ResourceID, Optional<ConfigMap>> maps;
    private final Function<ResourceID, Optional<Node>> nodes;
    private final Live live;
    private final ReportSilenceTracker silenceTracker;

    SnapshotReader(
            Signals signals,
            Function<ResourceID, Optional<ConfigMap>> maps,
            Function<ResourceID, Optional<Node>> nodes,
            Live live,
            ReportSilenceTracker silenceTracker) {
        this.signals = signals;
        this.maps = maps;
        this.nodes = nodes;
        this.live = live;
        this.silenceTracker = silenceTracker;
    }

    /**
     * Reads the snapshot of one job.
     *
     * @throws io.fabric8.kubernetes.client.KubernetesClientException if the API server is asked and does not respond
     * @throws WorldConfigMap.UnreadableException if something other than the operator has written the world
     */
    JobSnapshot read(SwavJob job, Collection<Pod> allPods, Instant now) {
        List<Pod> own = new ArrayList<>(allPods.stream()
                .filter(pod -> OwnerMetadata.isOwnedBy(pod, job))
                .toList());
        WorldConfigMap stored = WorldConfigMap.read(job, worldMap(job));
        List<ResourceID> names = ProgressMaps.all(job, Optional.ofNullable(job.getSpec()), own).stream()
                .map(name -> id(job, name))
                .toList();
        List<ConfigMap> progress = found(names, maps);
        WorldConfigMap worldMap = stored.world().generation() > 0
                ? stored
                : stored.after(generation(job, own, reports(progress)), nextPod(stored, own));
        own.addAll(missingFromCache(worldMap.world(), own, job.getMetadata().getNamespace()));
        Orphans orphans = Orphans.of(job, allPods);
        JobSnapshot cached = snapshot(job, own, worldMap, progress, now).with(orphans);
        if (!cached.needsLiveReports()) {
            return cached;
        }
        List<ConfigMap> latest = found(names, live::map);
        silenceTracker.apiServerBack();
        JobSnapshot asked = snapshot(job, own, worldMap, latest, now);
        return (asked.needsReportingCheck() ? checked(job, own, worldMap, latest, asked, now) : asked).with(orphans);
    }

    private static List<ConfigMap> found(List<ResourceID> names, Function<ResourceID, Optional<ConfigMap>> source) {
        return names.stream().flatMap(name -> source.apply(name).stream()).toList();
    }

    /** Silence counts from the moment at which trainers can report again. */
    private JobSnapshot checked(
            SwavJob job,
            List<Pod> own,
            WorldConfigMap worldMap,
            List<ConfigMap> progress,
            JobSnapshot before,
            Instant now) {
        Reporting reporting = live.reporting(job, silent(job, own, before, now));
        String uid = job.getMetadata().getUid();
        if (reporting instanceof Reporting.Blocked) {
            silenceTracker.reportsBlocked(uid);
            return before.with(reporting);
        }
        return silenceTracker.reportsPossible(uid)
                ? snapshot(job, own, worldMap, progress, now).with(reporting)
                : before.with(reporting);
    }

    private static List<TrainerAccess.SilentPod> silent(SwavJob job, List<Pod> own, JobSnapshot snapshot, Instant now) {
        Map<String, Pod> byUid =
                own.stream().collect(Collectors.toMap(pod -> pod.getMetadata().getUid(), pod -> pod));
        return snapshot.pods().stream()
                .filter(pod -> pod.isAlive() && pod.signals().isSilent())
                .map(pod -> new TrainerAccess.SilentPod(
                        pod.name(),
                        TrainerRbac.accountOf(Objects.requireNonNull(byUid.get(pod.uid()))),
                        pod.created(),
                        lastReport(pod, snapshot.reports().get(pod.name()), now),
                        ProgressMaps.of(job, Objects.requireNonNull(byUid.get(pod.uid())))))
                .toList();
    }

    /** Returns the earlier of the times of a pod's last report by the clocks of its trainer and of the operator. */
    private static Instant lastReport(ObservedPod pod, @Nullable TrainerReport report, Instant now) {
        Instant arrived = now.minus(Objects.requireNonNullElse(pod.signals().silence(), Duration.ZERO));
        try {
            Instant written = report == null ? Instant.EPOCH : Instant.parse(report.time());
            return written.isBefore(arrived) ? written : arrived;
        } catch (DateTimeParseException unreadable) {
            return Instant.EPOCH;
        }
    }

    private JobSnapshot snapshot(
            SwavJob job, List<Pod> own, WorldConfigMap worldMap, List<ConfigMap> progress, Instant now) {
        Map<String, TrainerReport> everyReport = reports(progress);
        List<ObservedPod> pods = new ArrayList<>();
        Map<String, TrainerReport> reports = new HashMap<>();
        Map<String, Duration> silence = silenceTracker.update(
                job.getMetadata().getUid(),
                everyReport.values(),
                own.stream().map(pod -> pod.getMetadata().getUid()).collect(Collectors.toSet()),
                worldMap.state().pods().lost());
        Set<String> withEvents = own.stream()
                .filter(pod -> PodHolds.needsEvents(pod, now))
                .sorted(Comparator.comparing(pod -> pod.getMetadata().getCreationTimestamp()))
                .limit(MAX_PODS_WITH_EVENTS)
                .map(pod -> pod.getMetadata().getUid())
                .collect(Collectors.toSet());
        for (Pod pod : own) {
            String podName = pod.getMetadata().getName();
            Optional<TrainerReport> report = Optional.ofNullable(everyReport.get(podName));
            report.ifPresent(r -> reports.put(podName, r));
            Optional<Node> node = Optional.ofNullable(pod.getSpec().getNodeName())
                    .flatMap(nodeName -> nodes.apply(new ResourceID(nodeName)));
            PodHolds.Events events =
                    withEvents.contains(pod.getMetadata().getUid()) ? live.events(pod, now) : PodHolds.Events.NONE;
            pods.add(PodClassifier.classify(
                    signals,
                    pod,
                    node,
                    report,
                    Optional.ofNullable(silence.get(pod.getMetadata().getUid())),
                    PodHolds.of(pod, events, now)));
        }
        Optional<SwavJobSpec> before = lastAccepted(job, worldMap);
        List<Problem> problems = problems(job, before);
        return new JobSnapshot(
                job,
                problems.isEmpty() ? Optional.of(job.getSpec()) : before,
                problems,
                worldMap,
                pods,
                reports,
                everyReport.values().stream()
                        .filter(report -> silence.containsKey(report.uid()))
                        .toList(),
                progress,
                Reporting.UNCHECKED,
                own.stream()
                        .flatMap(pod -> PodHolds.recheckAt(pod, now).stream())
                        .min(Comparator.naturalOrder()),
                before);
    }

    /** Asks the API server about a map that the cache lacks, because it may only have lost its label, or its owner. */
    private Optional<ConfigMap> worldMap(SwavJob job) {
        ResourceID id = id(job, ResourceNames.worldName(job.getMetadata().getName()));
        return maps.apply(id).filter(map -> OwnerMetadata.isOwnedBy(map, job)).or(() -> live.map(id));
    }

    /** Returns the spec that was accepted last; operators of earlier versions kept it in the trainers' configuration alone. */
    private Optional<SwavJobSpec> lastAccepted(SwavJob job, WorldConfigMap worldMap) {
        Optional<String> config = maps.apply(
                        id(job, ResourceNames.configName(job.getMetadata().getName())))
                .filter(map -> OwnerMetadata.isOwnedBy(map, job))
                .map(map -> map.getData().get(ResourceNames.CONFIG_KEY));
        Optional<AcceptedSpec> accepted = worldMap.accepted(job, config);
        return accepted.isPresent()
                ? accepted.flatMap(AcceptedSpec::read)
                : config.flatMap(text -> parse(text, SwavJobSpec.class));
    }

    /** Returns the newest generation in the status and in the trainers' reports; 0 before the first world. */
    private static long generation(SwavJob job, List<Pod> own, Map<String, TrainerReport> reports) {
        long known = Optional.ofNullable(job.getStatus())
                .map(SwavJobStatus::world)
                .map(SwavJobStatus.WorldStatus::generation)
                .orElse(0L);
        return own.stream()
                .map(Pod::getMetadata)
                .flatMap(
                        pod -> Optional.ofNullable(reports.get(pod.getName()))
                                .filter(report -> report.uid().equals(pod.getUid()))
                                .stream())
                .mapToLong(TrainerReport::generation)
                .reduce(known, Math::max);
    }

    private static long nextPod(WorldConfigMap map, List<Pod> own) {
        return own.stream()
                .map(pod -> pod.getMetadata().getName().replaceFirst(".*-", ""))
                .filter(number -> number.matches("\\d{1,18}"))
                .mapToLong(number -> Long.parseLong(number) + 1)
                .reduce(map.state().pods().next(), Math::max);
    }

    private List<Pod> missingFromCache(World world, List<Pod> pods, String namespace) {
        Set<String> uids = pods.stream().map(pod -> pod.getMetadata().getUid()).collect(Collectors.toSet());
        return world.members().stream()
                .filter(member -> !uids.contains(member.uid()))
                .flatMap(member -> live
                        .pod(new ResourceID(member.pod(), namespace))
                        .filter(pod -> pod.getMetadata().getUid().equals(member.uid()))
                        .stream())
                .toList();
    }

    private static List<Problem> problems(SwavJob job, Optional<SwavJobSpec> before) {
        SwavJobSpec spec = job.getSpec();
        if (spec == null) {
            return List.of(Problem.invalid("spec is missing"));
        }
        List<String> broken = new ArrayList<>(SpecValidator.broken(spec));
        before.ifPresent(accepted -> broken.addAll(SpecValidator.changed(accepted, spec)));
        TrainerPod.problem(spec.template()).ifPresent(broken::add);
        List<Problem> problems =
                new ArrayList<>(broken.stream().map(Problem::invalid).toList());
        if (spec.assignment().mode() == AssignmentSpec.Mode.Queue) {
            problems.add(new Problem(
                    ConditionReason.NotAvailable, "spec.assignment.mode Queue is not available yet: use QueueFree"));
        }
        if (job.getMetadata().getName().length() > MAX_NAME_LENGTH) {
            problems.add(Problem.invalid(
                    "metadata.name is longer than " + MAX_NAME_LENGTH + " characters: pods are named after it"));
        }
        return problems;
    }

    private static ResourceID id(SwavJob job, String name) {
        return new ResourceID(name, job.getMetadata().getNamespace());
    }

    private static Map<String, TrainerReport> reports(List<ConfigMap> progress) {
        Map<String, TrainerReport> reports = new HashMap<>();
        progress.stream()
                .flatMap(map -> Optional.ofNullable(map.getData()).orElse(Map.of()).entrySet().stream())
                .forEach(entry -> parse(entry.getValue(), TrainerReport.class)
                        .ifPresent(report -> reports.put(entry.getKey(), report)));
        return reports;
    }

    private static <T> Optional<T> parse(String json, Class<T> type) {
        try {
            return Optional.of(JSON.readValue(json, type));
        } catch (JsonProcessingException e) {
            LOG.warn("ignoring a value that is not a valid {}: {}", type.getSimpleName(), e.getOriginalMessage());
            return Optional.empty();
        }
    }
}
