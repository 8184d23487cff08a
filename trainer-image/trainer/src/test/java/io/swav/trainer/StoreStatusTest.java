package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.trainer.StoreStatus.StoreProblem;
import io.swav.trainer.StoreStatus.Trouble;
import io.swav.trainer.WriterState.Phase;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Tests what a trainer knows of its store as saves, scans and worlds follow one another. */
class StoreStatusTest {
    @Test
    void problemOfALaterWorldEndsWhenThisTrainerBecomesRankZero() {
        assertThat(failing(Trouble.Superseded).unscanned().problem()).isEmpty();
        assertThat(failing(Trouble.Saving).unscanned().why()).isEqualTo("why");
        assertThat(failing(Trouble.Resuming).report().cannotResume()).isTrue();
        assertThat(failing(Trouble.Saving).report().cannotResume()).isFalse();
    }

    @Test
    void savingAgainEndsAnyProblemAndAnswersTheRequest() {
        StoreStatus saved = failing(Trouble.Saving).saved(4, 1.5, "please").saved(6, 2.5, "");
        assertThat(saved.problem()).isEmpty();
        assertThat(saved.committed()).isEqualTo(6);
        assertThat(saved.answered()).isEqualTo("please");
        assertThat(saved.report().saveSeconds()).isEqualTo(2.5);
    }

    @Test
    void keepsTheFirstDurationOfAStepAndTheLastHundred() {
        StoreStatus status = StoreStatus.UNKNOWN.saved(1, 3, "").saved(1, .001, "");
        assertThat(status.seconds(1)).isEqualTo(3);
        for (long step = 2; step <= StoreStatus.SAVES + 1; step++) {
            status = status.saved(step, 1, "");
        }
        assertThat(status.saves()).hasSize(StoreStatus.SAVES);
        assertThat(status.seconds(1)).isNull();
    }

    @Test
    void firstScanFindsWhatEarlierTrainersAnswered() {
        StoreStatus found = StoreStatus.UNKNOWN.scanned(new StoreScan(8, List.of(), "earlier"));
        assertThat(found.committed()).isEqualTo(8);
        assertThat(found.answered()).isEqualTo("earlier");
        assertThat(found.scanned(new StoreScan(2, List.of(), "older")))
                .as("a scan that finds less changes nothing")
                .isEqualTo(found);
    }

    @Test
    void onlyAScannedStoreIsFreeAndAFailingSaveMayBeReplaced() {
        WriterState leader = WriterState.START.leading(true);
        assertThat(leader.scanDue()).isTrue();
        assertThat(leader.free()).isFalse();
        WriterState scanned = leader.with(Phase.Scanning).with(StoreStatus.UNKNOWN.unlisted());
        assertThat(scanned.scanDue()).isFalse();
        assertThat(scanned.free()).isFalse();
        assertThat(scanned.with(Phase.Failing).free()).isTrue();
        assertThat(scanned.with(Phase.Failing).closing().phase()).isEqualTo(Phase.Idle);
    }

    private static StoreStatus failing(Trouble trouble) {
        return StoreStatus.UNKNOWN.with(Optional.of(new StoreProblem(trouble, "why")));
    }
}
