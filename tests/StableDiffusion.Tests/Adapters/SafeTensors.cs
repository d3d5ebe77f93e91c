using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>Writes .safetensors files for tests.</summary>
internal static class SafeTensors
{
    /// <summary>The bytes of a file of float32 tensors.</summary>
    public static byte[] Of(IReadOnlyDictionary<string, string>? metadata, params (string Name, int[] Shape, float[] Values)[] tensors)
    {
        var header = new JsonObject();
        if (metadata is not null)
        {
            header["__metadata__"] = new JsonObject(metadata.Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)JsonValue.Create(entry.Value))));
        }

        var data = new List<byte>();
        foreach (var (name, shape, values) in tensors)
        {
            var begin = data.Count;
            data.AddRange(values.SelectMany(BitConverter.GetBytes));
            header[name] = Entry("F32", shape, begin, data.Count);
        }

        return Of(header.ToJsonString(), [.. data]);
    }

    /// <summary>The bytes of a file with this header.</summary>
    public static byte[] Of(string header, byte[] data)
    {
        var text = Encoding.UTF8.GetBytes(header);
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, text.Length);
        return [.. length, .. text, .. data];
    }

    public static JsonObject Entry(string type, int[] shape, long begin, long end) => new()
    {
        ["dtype"] = type,
        ["shape"] = new JsonArray([.. shape.Select(size => JsonValue.Create(size))]),
        ["data_offsets"] = new JsonArray(begin, end),
    };
}
