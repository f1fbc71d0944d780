using EmoStream.Contracts.Events.Wire;
using Google.Protobuf;

namespace EmoStream.Contracts.Events;

/// <summary>The Protobuf form of an event, <c>utterance_event.proto</c>.</summary>
public static class UtteranceEventProtobuf
{
    /// <summary>Serialises an event.</summary>
    public static byte[] Write(UtteranceEvent e)
    {
        var message = new UtteranceEventMessage
        {
            ConversationId = e.ConversationId,
            UtteranceId = e.UtteranceId,
            Kind = (Kind)(e.Kind + 1),
            Audio = Message(e.Audio),
            Face = Message(e.Face),
            Body = Message(e.Body),
        };
        if (e.Speaker is { } speaker)
        {
            message.Speaker = new SpeakerMessage { Id = speaker.Id };
            if (speaker.Role is { } role) message.Speaker.Role = role;
            if (speaker.DisplayName is { } name) message.Speaker.DisplayName = name;
        }

        if (e.StartMs is { } start) message.StartMs = start;
        if (e.EndMs is { } end) message.EndMs = end;
        if (e.Text is { } text) message.Text = text;
        return message.ToByteArray();
    }

    /// <summary>Parses an event; it is not validated yet.</summary>
    /// <exception cref="InvalidProtocolBufferException">The payload is no such message.</exception>
    internal static UtteranceEvent? Read(ReadOnlySpan<byte> payload, out string? error)
    {
        var message = UtteranceEventMessage.Parser.ParseFrom(payload);
        error = message.Kind is < Kind.Utterance or > Kind.End ? "unknown-kind: kind" : null;
        return error is not null ? null : new UtteranceEvent
        {
            ConversationId = message.ConversationId,
            UtteranceId = message.UtteranceId,
            Kind = (UtteranceKind)(message.Kind - 1),
            Speaker = message.Speaker is { } s
                ? new Speaker(s.Id, s.HasRole ? s.Role : null, s.HasDisplayName ? s.DisplayName : null)
                : null,
            StartMs = message.HasStartMs ? message.StartMs : null,
            EndMs = message.HasEndMs ? message.EndMs : null,
            Text = message.HasText ? message.Text : null,
            Audio = Input(message.Audio),
            Face = Input(message.Face),
            Body = Input(message.Body),
        };
    }

    private static ModalityMessage? Message(ModalityInput? input) => input switch
    {
        { Media: { } media } => new() { Media = new() { Data = ByteString.CopyFrom(media), ContentType = input.ContentType ?? "" } },
        { Features: { } f } => new() { Features = new() { Space = f.Space, Values = { f.Values } } },
        _ => null,
    };

    private static ModalityInput? Input(ModalityMessage? message) => message?.InputCase switch
    {
        null => null,
        ModalityMessage.InputOneofCase.Media => new()
        {
            Media = message.Media.Data.ToByteArray(),
            ContentType = message.Media.ContentType.Length > 0 ? message.Media.ContentType : null,
        },
        ModalityMessage.InputOneofCase.Features => new() { Features = new(message.Features.Space, [.. message.Features.Values]) },
        _ => new(), // neither: the validator names it
    };
}
