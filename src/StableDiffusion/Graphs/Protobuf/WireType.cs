namespace StableDiffusion;

/// <summary>How a protobuf field lies in the bytes. Groups (3 and 4) do not occur in ONNX.</summary>
internal enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
    Fixed32 = 5,
}
