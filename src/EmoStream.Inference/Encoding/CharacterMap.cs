using System.Buffers.Binary;
using System.Text;
using Google.Protobuf;

namespace EmoStream.Inference.Encoding;

/// <summary>The normalisation rules inside a SentencePiece model, of which only one question is asked: which characters go.</summary>
/// <remarks>
/// sentencepiece_model.proto: ModelProto.normalizer_spec = 3, NormalizerSpec.precompiled_charsmap = 2. The map is the size of
/// a trie in bytes (uint32, little-endian), the trie (a Darts-clone double array of uint32), then its values: replacements
/// that end in 0. Empty where a model does not normalise.
/// </remarks>
internal sealed class CharacterMap
{
    private readonly uint[] _trie;
    private readonly byte[] _replacements;

    private CharacterMap(ReadOnlySpan<byte> map)
    {
        var size = map.IsEmpty ? 0 : BinaryPrimitives.ReadInt32LittleEndian(map);
        if (size < 0 || size > map.Length - (map.IsEmpty ? 0 : sizeof(uint)))
        {
            throw new InvalidOperationException("the normalisation rules end before they should.");
        }

        _trie = new uint[size / sizeof(uint)];
        for (var i = 0; i < _trie.Length; i++)
        {
            _trie[i] = BinaryPrimitives.ReadUInt32LittleEndian(map[((i + 1) * sizeof(uint))..]);
        }

        _replacements = map.IsEmpty ? [] : map[(sizeof(uint) + size)..].ToArray();
    }

    public static CharacterMap Read(byte[] model)
        => new(Field(Field(model, number: 3), number: 2));

    /// <summary>The characters of the Basic Multilingual Plane whose replacement is nothing.</summary>
    public char[] Deleted()
    {
        var deleted = new List<char>();
        Span<byte> utf8 = stackalloc byte[3];
        for (var c = 1; _trie.Length > 0 && c <= char.MaxValue; c++)
        {
            if (Rune.TryCreate((char)c, out var rune) && Find(utf8[..rune.EncodeToUtf8(utf8)]) is { } at && _replacements[at] == 0)
            {
                deleted.Add((char)c);
            }
        }

        return [.. deleted];
    }

    /// <summary>Where the replacement of exactly this key begins.</summary>
    private int? Find(ReadOnlySpan<byte> key)
    {
        var node = Offset(_trie[0]);
        var unit = _trie[0];
        foreach (var label in key)
        {
            node ^= label;
            if (node >= _trie.Length || ((unit = _trie[node]) & 0x8000_00FF) != label)
            {
                return null;
            }

            node ^= Offset(unit);
        }

        // Bit 8: a key ends here, and its value stands at the node's own offset.
        return (unit & (1 << 8)) != 0 ? (int)(_trie[node] & 0x7FFF_FFFF) : null;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & (1u << 9)) >> 6);

    private static byte[] Field(byte[] message, int number)
    {
        var input = new CodedInputStream(message);
        while (input.ReadTag() is not 0 and var tag)
        {
            if (tag == WireFormat.MakeTag(number, WireFormat.WireType.LengthDelimited))
            {
                return input.ReadBytes().ToByteArray();
            }

            input.SkipLastField();
        }

        return [];
    }
}
