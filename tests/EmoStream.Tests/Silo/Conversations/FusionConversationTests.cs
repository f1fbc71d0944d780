using System.Collections.Frozen;
using CsCheck;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Contracts.Timeline;
using EmoStream.Inference.Scoring;
using EmoStream.Silo.Policy;
using EmoStream.Testing.Inference;

namespace EmoStream.Tests.Silo.Conversations;

/// <summary>From events to entries with a real model of three modalities.</summary>
[Collection(nameof(FusionBundle))]
public sealed class FusionConversationTests
{
    private const float Tolerance = 1e-5f;
    private static readonly PolicyDecision Everything = new("all@1", Modality.All.ToFrozenSet());
    private static readonly PolicyDecision NoFace = new("no-face@1", FrozenSet.ToFrozenSet([Modality.Text, Modality.Audio]));

    /// <summary>
    /// Modalities come and go, the policy takes the face away midway, utterances near the end of the conversation are
    /// revised and retracted; batches are cut anywhere, the memory is lost between them: every entry is as if the whole
    /// conversation, as it stands at its end, had been scored at once.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AnyStream_EqualsTheWholeConversation(int lookAhead)
    {
        var scorer = FusionBundle.Scorer(lookAhead);
        Gen.Select(Gen.Int[1, 45], Gen.Int[0, 7], Gen.Int[0, 1_000_000], Gen.Int[1, 6], Gen.Bool).Sample(
            (length, mask, seed, largestBatch, changes) =>
            {
                var (random, said, offset) = (new Random(seed), new List<UtteranceEvent>(), 0L);
                var c = new ConversationHarness(scorer);
                while (said.Count < length)
                {
                    var decision = said.Count > length / 2 ? NoFace : Everything;
                    var batch = new List<(long, UtteranceEvent)>();
                    for (var i = random.Next(largestBatch); i >= 0; i--)
                    {
                        var e = FusionBundle.Utterance(random, $"u{said.Count}", mask == 0 ? random.Next(1, 8) : mask);
                        said.Add(Kept(e, decision));
                        batch.Add((offset++, e));
                    }

                    if (changes && random.Next(3) == 0)
                    {
                        // Only what the conversation still has the context of.
                        var at = random.Next(Math.Max(0, said.Count - scorer.Description.Window), said.Count);
                        var e = FusionBundle.Utterance(random, $"u{at}", random.Next(1, 8));
                        var isRetraction = random.Next(3) == 0;
                        batch.Add((offset++, isRetraction ? ConversationHarness.Retracted(e.UtteranceId) : e with { Kind = UtteranceKind.Revision }));
                        if (said[at].Kind != UtteranceKind.Retraction)
                        {
                            said[at] = isRetraction ? said[at] with { Kind = UtteranceKind.Retraction, Text = null, Audio = null, Face = null } : Kept(e, decision);
                        }
                    }

                    c.Send(decision, [.. batch]);
                    if (random.Next(3) == 0) c.Restart();
                    if (random.Next(5) == 0) c.Send(decision, [.. batch]);
                }

                c.Send(Everything, (offset, ConversationHarness.End()));
                AssertEqualsWhole(c, said, scorer);
            },
            iter: 60,
            threads: 1);
    }

    [Fact]
    public void LookAhead2_ProvisionalFromThePastAlone_FinalFromTwoMore()
    {
        var scorer = FusionBundle.Scorer(2);
        var said = FusionBundle.Conversation(8, mask: 3, seed: 5);
        var whole = scorer.Score([FusionBundle.Whole(said)])[0].Scores;
        var c = new ConversationHarness(scorer);

        for (var t = 0; t < said.Length; t++)
        {
            c.Send(Everything, (t, said[t]));
            var (provisional, known) = (c.Entries[$"u{t}"], scorer.Score([FusionBundle.Whole(said[..(t + 1)])])[0].Scores[t]);
            Assert.Equal((EntryStatus.Provisional, 0), (provisional.Status, provisional.Revision));
            AssertClose(known.Probabilities, provisional.Probabilities.Values);
            if (t < 2) continue;
            var final = c.Entries[$"u{t - 2}"];
            Assert.Equal((EntryStatus.Final, 1), (final.Status, final.Revision));
            AssertClose(whole[t - 2].Probabilities, final.Probabilities.Values);
            AssertClose(whole[t - 2].Weights, final.Weights.Values);
        }

        c.Send(Everything, (99, ConversationHarness.End()));
        Assert.All(c.Entries.Values, entry => Assert.Equal(EntryStatus.Final, entry.Status));
    }

    [Fact]
    public void AudioOnly_HasNoWordsAndTheOthersAreRecovered()
    {
        var c = new ConversationHarness(FusionBundle.Scorer(0));

        c.Send(Everything, (0, FusionBundle.Utterance(new Random(1), "u0", mask: 2)));

        var entry = c.Entries["u0"];
        Assert.Equal("", entry.Text); // null would say that the policy withheld it
        Assert.Equal(["audio"], entry.Availability);
        Assert.Equal(["text", "face"], entry.Recovered);
        Assert.Equal(["text", "audio", "face"], entry.Weights.Keys);
        Assert.Equal(1, entry.Weights.Values.Sum(), 1e-5);
        Assert.Equal(0.9f, entry.PredictionSet!.Coverage);
    }

    [Fact]
    public void Revision_WithTheSameTextAlone_TakesTheAudioAway()
    {
        var (c, without) = (new ConversationHarness(FusionBundle.Scorer(0)), new ConversationHarness(FusionBundle.Scorer(0)));
        var e = FusionBundle.Utterance(new Random(1), "u0", mask: 3);

        c.Send(Everything, (0, e));
        c.Send(Everything, (1, e with { Kind = UtteranceKind.Revision, Audio = null }));
        without.Send(Everything, (0, e with { Audio = null }));

        Assert.Equal(["text"], c.Entries["u0"].Availability);
        Assert.Equal(without.Entries["u0"].Probabilities, c.Entries["u0"].Probabilities);
    }

    [Fact]
    public void Policy_WithholdsFace_IsAsIfItHadNotCome()
    {
        var (c, without) = (new ConversationHarness(FusionBundle.Scorer(0)), new ConversationHarness(FusionBundle.Scorer(0)));
        var e = FusionBundle.Utterance(new Random(1), "u0", mask: 7);

        c.Send(NoFace, (0, e));
        without.Send(Everything, (0, e with { Face = null }));

        var entry = c.Entries["u0"];
        Assert.Equal(["text", "audio"], entry.Availability);
        Assert.Equal(["face"], entry.Recovered);
        Assert.Equal("no-face@1", entry.Policy);
        Assert.Equal(without.Entries["u0"].Probabilities, entry.Probabilities);
    }

    [Fact]
    public void LongConversation_TravelsAndKeepsOnlyWhatTheModelNeeds()
    {
        var scorer = FusionBundle.Scorer(3);
        var (window, lookAhead) = (scorer.Description.Window, scorer.Description.LookAhead);
        var (c, said) = (new ConversationHarness(scorer), FusionBundle.Conversation(120, mask: 7, seed: 3));

        for (var t = 0; t < said.Length; t++) c.Send(Everything, (t, said[t]));

        Assert.Equal(window + lookAhead + 1, c.MostRows);
        Assert.Equal((2 * (window + lookAhead)) + 1, c.StoredRows);
    }

    [Fact]
    public void FeaturesOfAnotherSpace_RefusedForThatUtteranceAlone()
    {
        // The reader sends such events to the dead letters; one that comes by all the same must not hurt its batch.
        var scorer = FusionBundle.Scorer(0);
        var said = FusionBundle.Conversation(5, mask: 2, seed: 4);
        said[2] = said[2] with { Audio = new() { Features = new("audio/other@1", new float[15]) } };
        var c = new ConversationHarness(scorer) { Refuses = request => ScoreRequestValidator.Validate(request, scorer.Description) is not null };

        c.Send(Everything, [.. said.Select((e, i) => ((long)i, e))]);

        Assert.Null(c.Entries["u2"].Label);
        said[2] = said[2] with { Audio = null };
        AssertEqualsWhole(c, said, scorer);
    }

    private static void AssertEqualsWhole(ConversationHarness c, IReadOnlyList<UtteranceEvent> said, OnnxScorer scorer)
    {
        var request = FusionBundle.Whole(said);
        var scores = request.Scored.Zip(scorer.Score([request])[0].Scores).ToDictionary();
        Assert.Equal(said.Count, c.Entries.Count);
        for (var t = 0; t < said.Count; t++)
        {
            var entry = c.Entries[$"u{t}"];
            if (!scores.TryGetValue(t, out var score))
            {
                Assert.Equal((null, 0, 0, 0), (entry.Label, entry.Probabilities.Count, entry.Availability.Count, entry.Weights.Count));
                continue;
            }

            AssertEntry(entry, score, FusionBundle.Brings(said[t]), scorer.Description);
        }
    }

    private static void AssertEntry(TimelineEntry entry, Score score, List<string> brought, ModelDescription model)
    {
        string[] all = [Modality.Text, Modality.Audio, Modality.Face];
        AssertClose(score.Probabilities, entry.Probabilities.Values);
        AssertClose(score.Weights, entry.Weights.Values);
        Assert.Equal(all, entry.Weights.Keys);
        Assert.Equal(1, entry.Weights.Values.Sum(), 1e-5);
        Assert.Equal(brought, entry.Availability);
        Assert.Equal(all.Except(brought), entry.Recovered);
        Assert.Equal(entry.Probabilities.Values.Max(), entry.Confidence);
        Assert.Equal(entry.Confidence, entry.Probabilities[entry.Label!]);
        Assert.NotEqual(EntryStatus.Provisional, entry.Status);
        Assert.Equal(score.PredictionSet is null, entry.PredictionSet is null);
        Assert.Equal(model.Bundle, entry.Bundle);
    }

    /// <summary>What of the event the policy lets through.</summary>
    private static UtteranceEvent Kept(UtteranceEvent e, PolicyDecision decision) => decision == NoFace ? e with { Face = null } : e;

    private static void AssertClose(IEnumerable<float> expected, IEnumerable<float> actual)
    {
        Assert.Equal(expected.Count(), actual.Count());
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, Tolerance));
    }
}
