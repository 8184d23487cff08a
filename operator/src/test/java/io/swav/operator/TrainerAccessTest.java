package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.rbac.PolicyRule;
import io.fabric8.kubernetes.api.model.rbac.PolicyRuleBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBuilder;
import io.swav.api.SwavJob;
import io.swav.operator.TrainerAccess.Found;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Whether trainers can report, judged by the objects that the operator makes for them. */
class TrainerAccessTest {
    private static final Set<String> OWN = Set.of("job-trainer");

    private final SwavJob job = Jobs.job("replicas: 2");
    private final Found whole = new Found(
            Optional.of(JobResources.progress(job)),
            Optional.of(TrainerRbac.role(job)),
            Optional.of(TrainerRbac.binding(job)),
            List.of());

    @Test
    void nothingIsWrongWithWhatTheOperatorMakes() {
        assertThat(TrainerAccess.problem(job, OWN, whole)).isEmpty();
    }

    @Test
    void namesWhatIsMissingWhatItMeansAndWhatToDo() {
        assertThat(problem(new Found(Optional.empty(), whole.role(), whole.binding(), List.of())))
                .contains("ConfigMap job-progress, into which they report, was deleted")
                .contains("Trainers that run train on")
                .contains("nor removes any")
                .contains("Restore it. The operator writes its objects again when");
        assertThat(problem(new Found(whole.progress(), Optional.empty(), whole.binding(), List.of())))
                .contains("Role job-trainer, which lets them report, was deleted");
        assertThat(problem(new Found(whole.progress(), whole.role(), Optional.empty(), List.of())))
                .contains("RoleBinding job-trainer, which lets them report, was deleted");
        assertThat(problem(new Found(whole.progress(), whole.role(), whole.binding(), List.of("job-trainer"))))
                .contains("ServiceAccount job-trainer, as which they run, was deleted");
    }

    @Test
    void aMapThatNobodyCanChangeTakesNoReports() {
        Found found = new Found(
                Optional.of(new ConfigMapBuilder(JobResources.progress(job))
                        .withImmutable(true)
                        .build()),
                whole.role(),
                whole.binding(),
                List.of());
        assertThat(problem(found)).contains("ConfigMap job-progress, into which they report, is immutable");
    }

    /** The template may have another account than the pods that run. */
    @Test
    void theBindingMustNameTheAccountsThatRun() {
        assertThat(TrainerAccess.problem(job, Set.of("job-trainer", "theirs"), whole))
                .hasValueSatisfying(problem ->
                        assertThat(problem).contains("does not bind ServiceAccount theirs to Role job-trainer"));
        assertThat(TrainerAccess.problem(job, Set.of(""), whole))
                .hasValueSatisfying(problem -> assertThat(problem).contains("ServiceAccount default"));
        Found toAnotherRole = new Found(
                whole.progress(),
                whole.role(),
                Optional.of(new RoleBindingBuilder(TrainerRbac.binding(job))
                        .editRoleRef()
                        .withName("view")
                        .endRoleRef()
                        .build()),
                List.of());
        assertThat(problem(toAnotherRole)).contains("does not bind");
    }

    @Test
    void everyVerbThatATrainerNeedsIsChecked() {
        List<PolicyRule> rules = TrainerRbac.role(job).getRules();
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

    private Found withRules(List<PolicyRule> rules) {
        return new Found(
                whole.progress(),
                Optional.of(
                        new RoleBuilder(TrainerRbac.role(job)).withRules(rules).build()),
                whole.binding(),
                List.of());
    }

    private String problem(Found found) {
        return TrainerAccess.problem(job, OWN, found).orElse("");
    }
}
