package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class StepVoteTest {
    /** Every pair of votes that two ranks may cast, if only the first asks for saves. */
    @Test
    void minimumIsTheOldestGenerationWithItsSaveRequest() {
        for (long mine = 0; mine < 5; mine++) {
            for (long other = 0; other < 5; other++) {
                for (boolean save : List.of(false, true)) {
                    long smallest = LongStream.of(
                                    new StepVote(mine, save).number(), new StepVote(other, false).number())
                            .min()
                            .getAsLong();
                    assertThat(StepVote.of(smallest))
                            .as("%d, save %s, and %d", mine, save, other)
                            .isEqualTo(new StepVote(Math.min(mine, other), save && mine <= other));
                }
            }
        }
    }
}
