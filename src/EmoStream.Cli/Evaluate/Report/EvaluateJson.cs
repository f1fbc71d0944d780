using System.Text.Json;
using System.Text.Json.Serialization;
using EmoStream.Cli.Evaluate.Compare;

namespace EmoStream.Cli.Evaluate.Report;

/// <summary>Source-generated JSON of what the command writes.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(EvaluationReport))]
[JsonSerializable(typeof(PredictionLine))]
[JsonSerializable(typeof(ComparisonReport))]
internal sealed partial class EvaluateJson : JsonSerializerContext;
