package io.swav.operator;

import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.Diagnosis;
import io.swav.api.SettingsDoubts;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.Diagnosed;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/**
 * The conditions about learning: a condition of its own name for each diagnosis that the most advanced trainer reports, and
 * one for doubtful settings. A condition that was never true is left out.
 */
final class LearningStatus {
    private LearningStatus() {}

    static void addTo(Conditions conditions, StatusFacts facts) {
        Optional<TrainerReport> latest = facts.snapshot().latest();
        Optional<List<Diagnosed>> reported = latest.map(TrainerReport::diagnoses);
        for (Diagnosis diagnosis : Diagnosis.values()) {
            ConditionType type = ConditionType.valueOf(diagnosis.name());
            Optional<String> why = reported.stream()
                    .flatMap(List::stream)
                    .filter(one -> one.what().equals(diagnosis.name()))
                    .map(Diagnosed::why)
                    .findFirst();
            if (reported.isEmpty()) {
                conditions.keep(type);
            } else if (why.isPresent()) {
                conditions.add(type, true, ConditionReason.Diagnosed, why.get());
            } else if (facts.before().condition(type).isPresent()) {
                conditions.add(type, false, ConditionReason.Passed, "The trainers' figures no longer show it");
            }
        }
        facts.snapshot().accepted().ifPresent(spec -> addDoubts(conditions, facts, spec, latest));
    }

    private static void addDoubts(
            Conditions conditions, StatusFacts facts, SwavJobSpec spec, Optional<TrainerReport> latest) {
        OptionalLong steps = latest.stream()
                .mapToLong(TrainerReport::steps)
                .filter(known -> known > 0)
                .findFirst();
        List<String> doubts = SettingsDoubts.of(spec, steps);
        if (!doubts.isEmpty()) {
            conditions.add(
                    ConditionType.DoubtfulSettings,
                    true,
                    ConditionReason.Doubtful,
                    doubts.stream().collect(Collectors.joining(". ")));
        } else if (facts.before().condition(ConditionType.DoubtfulSettings).isPresent()) {
            conditions.add(ConditionType.DoubtfulSettings, false, ConditionReason.Passed, "No setting is doubtful");
        }
    }
}
