package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.swav.api.ConditionReason;
import io.swav.api.SwavJob;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class NameConflictTest {
    private final SwavJob job = Jobs.job("replicas: 2");
    private final Instant created = Instant.parse(job.getMetadata().getCreationTimestamp());
    private final HasMetadata role = TrainerRbac.role(job, List.of("job-progress"));

    @Test
    void saysWhatIsInTheWayWhatItMeansAndWhatToDo() {
        HasMetadata config = JobResources.config(job, job.getSpec(), 100);
        config.getMetadata()
                .setOwnerReferences(List.of(new OwnerReferenceBuilder()
                        .withKind("Deployment")
                        .withName("web")
                        .withController(true)
                        .build()));
        PodRejection one = rejection(0, foreign(config));
        assertThat(one.reason()).isEqualTo(ConditionReason.NameTaken);
        assertThat(one.why())
                .isEqualTo("ConfigMap job-config has a name that this job needs, but belongs to something else"
                        + " (Deployment web). The operator leaves it as it is: no pods are created, and trainers that run"
                        + " train on. Delete or rename it, and the operator creates its own; or create the job under"
                        + " another name.");
        assertThat(rejection(0, foreign(role), foreign(TrainerRbac.account(job)))
                        .why())
                .contains("Role job-trainer, ServiceAccount job-trainer have names")
                .contains("or name the ServiceAccount in spec.template.spec.serviceAccountName");
    }

    @Test
    void aRemnantIsWaitedForAndNeedsAPersonIfItStays() {
        NameConflict remnant = new NameConflict(role, new DependentCheck.Leave(Ownership.REMNANT));
        PodRejection early = rejection(59, remnant);
        assertThat(early.waits()).isTrue();
        assertThat(early.why())
                .isEqualTo("Role job-trainer is left from a deleted job of the same name. No pods are created until the"
                        + " garbage collector has deleted it.");
        PodRejection late = rejection(61, remnant);
        assertThat(late.waits()).isFalse();
        assertThat(late.why()).contains("takes longer than usual", "or delete them");
        assertThat(rejection(0, remnant, foreign(role)).waits()).isFalse();
    }

    @Test
    void finalizersOfOthersAreNamed() {
        assertThat(rejection(
                                0,
                                new NameConflict(
                                        TrainerRbac.binding(job, List.of()),
                                        new DependentCheck.Pinned(List.of("example.com/x"))))
                        .why())
                .contains("RoleBinding job-trainer", "its finalizers (example.com/x)", "Remove them");
    }

    private static NameConflict foreign(HasMetadata object) {
        return new NameConflict(object, new DependentCheck.Leave(Ownership.FOREIGN));
    }

    private PodRejection rejection(long secondsOld, NameConflict... conflicts) {
        return NameConflict.rejection(job, List.of(conflicts), created.plusSeconds(secondsOld));
    }
}
