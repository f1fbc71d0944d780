using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmoStream.Inference.Bundle;

/// <summary>A bundle's manifest.json: what the model is, what it takes, where it came from, and the hash of every file.</summary>
/// <example>
/// <code>
/// {"name":"meld","version":"1.2.0","license":"GPL-3.0","labels":["neutral","joy"],
///  "modalities":[{"name":"text","featureSpace":"text/minilm-l6-meld@1","dimension":768,
///    "encoder":{"model":"text-encoder.onnx","tokenizer":"wordpiece","vocabulary":"vocab.txt","lowercase":true,"maxTokens":128}}],
///  "context":{"model":"context.onnx","window":12,"lookAhead":0},
///  "calibration":{"temperatures":{"text":1.3},"conformal":{"coverage":0.9,"thresholds":{"text":0.08}}},
///  "files":{"text-encoder.onnx":"9f86...","context.onnx":"60303a...","vocab.txt":"fd61..."}}
/// </code>
/// </example>
public sealed record BundleManifest
{
    /// <summary>Name of the file in the bundle's directory.</summary>
    public const string FileName = "manifest.json";

    public required string Name { get; init; }

    /// <summary>Semantic version; a bundle whose scores differ has another version.</summary>
    public required string Version { get; init; }

    public string Description { get; set; } = "";

    public required string License { get; init; }

    /// <summary>What the weights were made from, each with its own terms.</summary>
    public BundleSource[] Sources { get; set; } = [];

    /// <summary>In the order of the model's logits.</summary>
    public required string[] Labels { get; init; }

    /// <summary>In the order of the model's <c>available</c> and <c>weights</c>.</summary>
    public required BundleModality[] Modalities { get; init; }

    /// <summary>Null in a bundle that only encodes: training starts from such a one.</summary>
    public BundleContext? Context { get; set; }

    public BundleCalibration? Calibration { get; set; }

    public BundleTraining? Training { get; set; }

    /// <summary>Relative file name to SHA-256 in hex, of every file the bundle uses.</summary>
    public required Dictionary<string, string> Files { get; init; }
}

/// <summary>One origin of a bundle's weights.</summary>
public sealed record BundleSource
{
    public required string Name { get; init; }

    public required string License { get; init; }

    public string? Url { get; set; }
}

/// <summary>One modality that a bundle's model takes.</summary>
public sealed record BundleModality
{
    public required string Name { get; init; }

    /// <summary><c>name@version</c> of the descriptor.</summary>
    public required string FeatureSpace { get; init; }

    /// <summary>Length of the descriptor.</summary>
    public required int Dimension { get; init; }

    /// <summary>Null: only features of <see cref="FeatureSpace"/> are accepted.</summary>
    public BundleEncoder? Encoder { get; set; }
}

/// <summary>Turns raw input of a modality into its descriptor.</summary>
public sealed record BundleEncoder
{
    /// <summary>BERT: <see cref="Vocabulary"/> is vocab.txt.</summary>
    internal const string WordPiece = "wordpiece";

    /// <summary>RoBERTa's byte-level BPE: <see cref="Vocabulary"/> is vocab.json.</summary>
    internal const string Bpe = "bpe";

    /// <summary>XLM-RoBERTa and DeBERTa v2 and v3: <see cref="Vocabulary"/> is a SentencePiece model.</summary>
    internal const string SentencePiece = "sentencepiece";

    public required string Model { get; init; }

    /// <summary><c>wordpiece</c>, <c>bpe</c> or <c>sentencepiece</c>.</summary>
    public required string Tokenizer { get; init; }

    public required string Vocabulary { get; init; }

    /// <summary><c>wordpiece</c> alone: take case and accents off. The default is true.</summary>
    public bool? Lowercase { get; set; }

    /// <summary><c>bpe</c> alone: merges.txt.</summary>
    public string? Merges { get; set; }

    /// <summary><c>bpe</c> alone: a text's first word is one with a blank before it. The default is false.</summary>
    public bool? PrefixSpace { get; set; }

    /// <summary><c>sentencepiece</c> alone, whose model does not say which ids the encoder was trained on.</summary>
    public BundleTokenIds? Ids { get; set; }

    /// <summary>Longest input in tokens, the first and last special token included.</summary>
    public required int MaxTokens { get; init; }
}

/// <summary>An encoder's token ids, where they are not those of its SentencePiece model.</summary>
/// <example>XLM-RoBERTa, whose ids are fairseq's: <c>{"first":0,"last":2,"unknown":3,"offset":1}</c>.</example>
public sealed record BundleTokenIds
{
    /// <summary>Before every text.</summary>
    public required int First { get; init; }

    /// <summary>After every text.</summary>
    public required int Last { get; init; }

    /// <summary>What no piece of the model covers.</summary>
    public required int Unknown { get; init; }

    /// <summary>Added to the number of every other piece.</summary>
    public int Offset { get; set; }
}

/// <summary>The fusion model over a window of utterances.</summary>
public sealed record BundleContext
{
    public required string Model { get; init; }

    /// <summary>W, the receptive field: how many earlier utterances a score depends on, by all attention layers and comparisons with a speaker's past together.</summary>
    public required int Window { get; init; }

    /// <summary>K: how many later utterances a final score depends on.</summary>
    public int LookAhead { get; set; }
}

/// <summary>Keyed by availability set: modality names joined with <c>+</c>, in the order text, audio, face, body.</summary>
public sealed record BundleCalibration
{
    /// <summary>Logits are divided by it; 1 where a set is not listed, which is said in a warning when the bundle is loaded.</summary>
    public Dictionary<string, float> Temperatures { get; set; } = [];

    public BundleConformal? Conformal { get; set; }
}

/// <summary>Split conformal prediction: a label is in the set when its probability reaches the threshold.</summary>
public sealed record BundleConformal
{
    public required float Coverage { get; init; }

    /// <summary>A set that is not listed gets no labels: training offers them only where they kept their promise on other dialogues.</summary>
    public required Dictionary<string, float> Thresholds { get; init; }
}

/// <summary>How the weights were made; for people, and to make them again.</summary>
public sealed record BundleTraining
{
    public string[] Data { get; set; } = [];

    public long Seed { get; set; }

    /// <summary>Git revision of the training code.</summary>
    public string Revision { get; set; } = "";

    public JsonElement Metrics { get; set; }

    /// <summary>Whatever else the training wants to remember.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

// Optional members have setters: the source generator passes init-only ones through a constructor and loses their defaults.
/// <summary>Strict on purpose: a misspelt member must not silently fall back to a default.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(BundleManifest))]
internal sealed partial class BundleJson : JsonSerializerContext;
