package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.rbac.PolicyRule;
import io.fabric8.kubernetes.api.model.rbac.PolicyRuleBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBuilder;
import io.swav.api.SwavJob;
import io.swav.operator.TrainerAccess.Found;
import io.swav.operator.TrainerAccess.SilentPod;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Whether trainers can report, judged by the objects that the operator makes for them. */
class TrainerAccessTest {
    private static final Instant CREATED = Instant.parse("2026-01-01T00:00:00Z");
    private static final List<SilentPod> OWN = List.of(silent("job-trainer"));

    private final SwavJob job = Jobs.job("replicas: 2");
    private final Found whole = new Found(
            Map.of("job-progress", JobResources.progress(job, "job-progress")),
            Optional.of(TrainerRbac.role(job, List.of("job-progress"))),
            Optional.of(TrainerRbac.binding(job, List.of())),
            Map.of(
                    "job-trainer",
                    account("job-trainer", CREATED),
                    "default",
                    account("default", CREATED),
                    "theirs",
                    account("theirs", CREATED)));

    @Test
    void nothingIsWrongWithWhatTheOperatorMakes() {
        assertThat(TrainerAccess.problem(job, OWN, whole)).isEmpty();
    }

    /** The API server rejects what does not fit, which silences a trainer that is well. */
    @Test
    void aFullMapKeepsTrainersFromReporting() {
        Found full = new Found(
                Map.of(
                        "job-progress",
                        new ConfigMapBuilder(JobResources.progress(job, "job-progress"))
                                .addToData("notes", "x".repeat(1_048_000))
                                .build()),
                whole.role(),
                whole.binding(),
                whole.accounts());
        assertThat(problem(full))
                .contains("ConfigMap job-progress, into which they report, is full: it holds 1.0 MB")
                .contains("Remove what no trainer wrote into it");
    }

    @Test
    void namesWhatIsMissingWhatItMeansAndWhatToDo() {
        assertThat(problem(new Found(Map.of(), whole.role(), whole.binding(), whole.accounts())))
                .contains("ConfigMap job-progress, into which they report, was deleted")
                .contains("Trainers that run train on")
                .contains("nor removes any")
                .contains("The operator creates it again")
                .doesNotContain("Restore it");
        assertThat(problem(new Found(whole.progress(), Optional.empty(), whole.binding(), whole.accounts())))
                .contains("Role job-trainer, which lets them report, was deleted")
                .contains("The operator puts it back at once");
        assertThat(problem(new Found(whole.progress(), whole.role(), Optional.empty(), whole.accounts())))
                .contains("RoleBinding job-trainer, which lets them report, was deleted");
        Found noAccounts = new Found(whole.progress(), whole.role(), whole.binding(), Map.of());
        assertThat(problem(noAccounts))
                .contains("ServiceAccount job-trainer, as which they run, was deleted")
                .contains("The operator puts it back at once");
        assertThat(TrainerAccess.problem(job, List.of(silent("theirs")), noAccounts)
                        .orElse(""))
                .contains("ServiceAccount theirs, as which they run, was deleted")
                .contains("Restore it: it is not one of the operator's objects");
    }

    @Test
    void aMapThatNobodyCanChangeTakesNoReports() {
        Found found = new Found(
                Map.of(
                        "job-progress",
                        new ConfigMapBuilder(JobResources.progress(job, "job-progress"))
                                .withImmutable(true)
                                .build()),
                whole.role(),
                whole.binding(),
                whole.accounts());
        assertThat(problem(found))
                .contains("ConfigMap job-progress, into which they report, was made immutable")
                .contains("The operator creates it again")
                .doesNotContain("Restore it");
    }

    /** A token names the uid of its account. A restored account has another one, and kubelet renews tokens in its time. */
    @Test
    void anAccountThatIsYoungerThanItsPodAcceptsTheTokenOnlyOnceItIsRenewed() {
        Instant restored = CREATED.plusSeconds(3600);
        Found again = new Found(
                whole.progress(),
                whole.role(),
                whole.binding(),
                Map.of("job-trainer", account("job-trainer", restored)));
        assertThat(TrainerAccess.problem(job, OWN, again).orElse(""))
                .contains("ServiceAccount job-trainer was made again after pod job-0 started; job-0's token is invalid"
                        + " until kubelet renews it, within an hour. Trainers that run train on")
                .contains("suspend and resume the job")
                .doesNotContain("Restore it");
        assertThat(TrainerAccess.problem(
                        job,
                        List.of(new SilentPod(
                                "job-0", "job-trainer", CREATED, restored.plusSeconds(3000), "job-progress")),
                        again))
                .as("it has reported to the new account")
                .isEmpty();
        assertThat(TrainerAccess.problem(
                        job,
                        List.of(new SilentPod(
                                "job-0", "job-trainer", CREATED, restored.plusSeconds(9), "job-progress")),
                        again))
                .as("the API server remembers for some seconds that the old token was valid")
                .isPresent();
        assertThat(TrainerAccess.problem(
                        job, List.of(new SilentPod("job-0", "job-trainer", restored, restored, "job-progress")), again))
                .as("the account is made before the first pod, in the same second")
                .isEmpty();
    }

    /** The template may have another account than the pods that run. */
    @Test
    void theBindingMustNameTheAccountsThatRun() {
        assertThat(TrainerAccess.problem(job, List.of(silent("job-trainer"), silent("theirs")), whole))
                .hasValueSatisfying(problem ->
                        assertThat(problem).contains("does not bind ServiceAccount theirs to Role job-trainer"));
        assertThat(TrainerAccess.problem(job, List.of(silent("default")), whole))
                .hasValueSatisfying(problem -> assertThat(problem).contains("ServiceAccount default"));
        Found toAnotherRole = new Found(
                whole.progress(),
                whole.role(),
                Optional.of(new RoleBindingBuilder(TrainerRbac.binding(job, List.of()))
                        .editRoleRef()
                        .withName("view")
                        .endRoleRef()
                        .build()),
                whole.accounts());
        assertThat(problem(toAnotherRole)).contains("does not bind");
    }

    @Test
    void everyVerbThatATrainerNeedsIsChecked() {
        List<PolicyRule> rules = TrainerRbac.role(job, List.of("job-progress")).getRules();
        for (PolicyRule rule : rules) {
            for (String verb : rule.getVerbs()) {
                List<PolicyRule> rest = new ArrayList<>(rules);
                rest.remove(rule);
                rest.add(new PolicyRuleBuilder(rule).removeFromVerbs(verb).build());
                assertThat(problem(withRules(rest)))
                        .contains("Role job-trainer no longer grants")
                        .contains(verb);
            }
        }
        PolicyRule everything = new PolicyRuleBuilder()
                .withApiGroups("*")
                .withResources("*")
                .withVerbs("*")
                .build();
        assertThat(TrainerAccess.problem(job, OWN, withRules(List.of(everything))))
                .isEmpty();
    }

    private static SilentPod silent(String account) {
        return new SilentPod("job-0", account, CREATED, CREATED.plusSeconds(60), "job-progress");
    }

    private static ServiceAccount account(String name, Instant created) {
        return new ServiceAccountBuilder()
                .withNewMetadata()
                .withName(name)
                .withCreationTimestamp(created.toString())
                .endMetadata()
                .build();
    }

    private Found withRules(List<PolicyRule> rules) {
        return new Found(
                whole.progress(),
                Optional.of(new RoleBuilder(TrainerRbac.role(job, List.of("job-progress")))
                        .withRules(rules)
                        .build()),
                whole.binding(),
                whole.accounts());
    }

    private String problem(Found found) {
        return TrainerAccess.problem(job, OWN, found).orElse("");
    }
}
