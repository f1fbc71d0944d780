namespace EmoStream.Inference.Encoding;

/// <summary>How one family of encoders cuts a text into pieces. Thread-safe.</summary>
internal interface ITextPieces
{
    /// <summary>Id of the special token before every text.</summary>
    int First { get; }

    /// <summary>Id of the special token after every text.</summary>
    int Last { get; }

    /// <summary>Ids of a text's own pieces; may stop when it has <paramref name="enough"/>.</summary>
    IReadOnlyList<int> Encode(string text, int enough);
}
