using System.Text.Json;
using System.Text.Json.Serialization;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Contracts;

/// <summary>Source-generated JSON for everything that leaves a process: camelCase, nulls left out, unknown members ignored.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.Strict,
    PropertyNameCaseInsensitive = false,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(UtteranceEvent))]
[JsonSerializable(typeof(TimelineEntry))]
[JsonSerializable(typeof(SpeakerAggregate))]
[JsonSerializable(typeof(ConversationTimeline))]
[JsonSerializable(typeof(ConversationPage))]
[JsonSerializable(typeof(UtteranceReceipt))]
public sealed partial class ContractsJson : JsonSerializerContext;
