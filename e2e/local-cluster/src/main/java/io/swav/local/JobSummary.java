package io.swav.local;

import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Summarizes a SwavJob's progress in one line: step, loss, images per second, ln K and spread of embeddings, world. */
public final class JobSummary {
    private JobSummary() {}

    public static String of(SwavJob job) {
        SwavJobStatus status = job.getStatus();
        if (status == null) {
            return "waiting for the operator";
        }
        StringBuilder line = new StringBuilder(text("%s", status.phase()));
        SwavJobStatus.Progress progress = status.progress();
        if (progress != null) {
            line.append("  step ")
                    .append(text("%d", progress.step()))
                    .append('/')
                    .append(text("%d", progress.steps()));
            line.append("  loss ").append(text("%.4f", progress.loss()));
            line.append("  ").append(text("%.0f", progress.imagesPerSecond())).append(" img/s");
            if (progress.learning() != null) {
                line.append(" of ").append(text("%.2f", progress.learning().lossOfChance()));
                line.append("  spread ").append(text("%.2f", progress.learning().embeddingSpread()));
            }
        }
        if (status.world() != null) {
            line.append("  world ").append(status.world().size());
            line.append(" (generation ").append(status.world().generation()).append(')');
        }
        return line.toString();
    }

    private static String text(String format, @Nullable Object value) {
        return value == null ? "-" : String.format(Locale.ROOT, format, value);
    }
}
