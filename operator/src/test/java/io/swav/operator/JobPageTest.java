package io.swav.operator;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.SwavJobStatus.Phase;
import java.io.StringReader;
import java.time.Instant;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class JobPageTest {
    private static final Instant NOW = Instant.parse("2026-11-26T08:00:00Z");
    private static final String NASTY = "<script>alert('a&b')</script>\"";

    private static SwavJob job(String name, String status) {
        SwavJob job = Jobs.job("replicas: 3");
        job.getMetadata().setName(name);
        job.setStatus(Serialization.unmarshal("---\n{" + status + "}", SwavJobStatus.class));
        return job;
    }

    private static SwavJob busy() {
        return job("busy", """
                observedGeneration: 1, phase: Running, replicas: 3, readyReplicas: 2,
                world: {generation: 12, size: 2, members: [busy-1, busy-4], since: '2026-11-26T07:55:00Z'},
                progress: {step: 1250, steps: 5000, epoch: 12, loss: 3.5, imagesPerSecond: 1234.5, etaSeconds: 5400,
                  learning: {embeddingSpread: 0.812}, knnTop1: 51.25, skippedSamples: 0,
                  data: {images: 1281167, ignored: 2, ignoredReasons: "2 hidden (first .x)",
                    notUsed: "1 new file <x>", sets: [{fromEpoch: 0, images: 1000000, fingerprint: a},
                    {fromEpoch: 7, images: 1281167, fingerprint: b}]}},
                checkpoints: [{step: 1200, samples: 1, worldSize: 3, uri: 'file:///ck/step-1200', digest: a, bytes: 222000000,
                  seconds: 1.5, verified: true, time: '2026-11-26T07:59:00Z'},
                  {step: 1000, samples: 1, worldSize: 3, uri: 'file:///ck/step-1000', digest: b, verified: false,
                   problem: 'model.safetensors does not match its SHA-256', time: '2026-11-26T07:50:00Z'}],
                ledger: {goodput: 0.954, stepsLost: 3, preemptions: 4, failures: 1, hangs: 2, resizes: 7,
                  secondsLostByCause: {Hang: 61.5, Preemption: 4},
                  incidents: [{time: '2026-11-26T07:00:00Z', kind: Failure, pod: busy-0, reason: first of all},
                    {time: '2026-11-26T07:54:59Z', kind: Preemption, pod: busy-2, reason: the pod was evicted, step: 1249,
                     generation: 12, stepsLost: 0, secondsPaused: 0.75}]},
                conditions: [{type: Ready, status: 'False', reason: Running, message: 2 of 3 wanted trainers train,
                  lastTransitionTime: '2026-11-26T07:55:00Z'}]
                """);
    }

    @Test
    void showsWhatRunsAndWhatWasLostAndWhy() throws Exception {
        String page = JobPage.html(List.of(busy()), "this operator leads", NOW);
        String text = text(parsed(page));
        assertThat(text)
                .contains("1 job", "this operator leads", "busy", "ns", "Running", "2 of 3 wanted trainers train")
                .contains("step 1,250 of 5,000, 25.0 %, epoch 12, 1 h 30 min to go")
                .contains("spread of embeddings, 0 to 1", "0.81", "51.25 %", "1,234.50", "12, since 5 min ago")
                .contains("95.4 %", "Hang 61.50, Preemption 4")
                .contains("the pod was evicted", "1,249", "0.75", "5 min 1 s ago")
                .contains("1,281,167", "2 hidden (first .x)")
                .contains("1,000,000 from epoch 0 on, 1,281,167 from epoch 7 on", "1 new file <x>")
                .contains("222.0 MB", "verified", "model.safetensors does not match its SHA-256");
        assertThat(text.indexOf("the pod was evicted")).as("newest first").isLessThan(text.indexOf("first of all"));
        assertThat(page).contains("width:25.0%");
    }

    /** Pods write messages and users write names; none of it may become markup. */
    @Test
    void escapesTextAndLoadsNothing() throws Exception {
        SwavJob job = job("nasty", "observedGeneration: 1");
        SwavJobStatus.JobCondition ready = new SwavJobStatus.JobCondition("Ready", "False", NASTY, NASTY, NASTY, 1L);
        SwavJobStatus.Incident incident =
                new SwavJobStatus.Incident(NASTY, IncidentKind.Hang, NASTY, NASTY, null, null, null, null);
        SwavJobStatus.CheckpointEntry entry =
                new SwavJobStatus.CheckpointEntry(1L, 1L, 1, NASTY, NASTY, null, null, false, NASTY, NASTY);
        job.setStatus(new SwavJobStatus(
                1L,
                Phase.Running,
                1,
                1,
                NASTY,
                new SwavJobStatus.WorldStatus(1L, 1, List.of(NASTY), NASTY, NASTY),
                null,
                List.of(entry),
                new SwavJobStatus.Ledger(
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        java.util.Map.of(NASTY, 1.0),
                        List.of(incident)),
                List.of(ready)));
        String page = JobPage.html(List.of(job), NASTY, NOW);
        assertThat(page).doesNotContain("<script", "alert('", "src=", "href=", "url(");
        assertThat(text(parsed(page))).contains(NASTY);
    }

    @Test
    void statesThatAJobHasNotBeenProcessedYet() throws Exception {
        SwavJob unseen = Jobs.job("replicas: 1");
        unseen.getMetadata().setName("another");
        SwavJob changed = busy();
        changed.getMetadata().setGeneration(2L);
        String text = text(parsed(JobPage.html(List.of(unseen, changed), "", NOW)));
        assertThat(text)
                .contains("2 jobs", "The operator has not seen this job yet.", "refers to an earlier spec")
                .contains("another")
                .satisfies(t -> assertThat(t.indexOf("another")).isLessThan(t.indexOf("busy")));
        assertThat(text(parsed(JobPage.html(List.of(), "", NOW)))).contains("0 jobs");
    }

    @Test
    void aFailedJobIsRedInAnyPhase() {
        String condition =
                "conditions: [{type: Stalled, status: 'True', reason: a, message: b, lastTransitionTime: c}]";
        assertThat(JobPage.html(List.of(job("a", "observedGeneration: 1, phase: Running, " + condition)), "", NOW))
                .contains("class=\"phase bad\"");
        assertThat(JobPage.html(List.of(job("a", "observedGeneration: 1, phase: Running")), "", NOW))
                .contains("class=\"phase good\"");
    }

    /** Parses the page, which is XML apart from the elements that HTML never closes. */
    private static Document parsed(String page) throws Exception {
        String xml = page.replaceAll("<meta ([^>]*)>", "<meta $1/>").replace("<!DOCTYPE html>", "");
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(xml)));
    }

    private static String text(Document page) {
        NodeList body = page.getElementsByTagName("body");
        return requireNonNull(body.item(0)).getTextContent();
    }
}
