using System.Text;

namespace StableDiffusion.Tests;

/// <summary>Input files that are not what they should be, given to the real program.</summary>
public sealed class WrongFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>What is wrong with the file <c>start.npy</c>, and what the message must say.</summary>
    public static TheoryData<string, string> WrongLatents => new()
    {
        { "missing", "start.npy does not exist; check the name of the .npy file." },
        { "a folder", "start.npy is a folder, not a .npy file; name a file in it." },
        { "text", "start.npy is not a .npy file: it does not start with \\x93NUMPY; save it with numpy.save." },
        { "empty", "start.npy is not a .npy file" },
        { "three dimensions", "--latents start.npy has the shape [4, 8, 8]; it must be [pictures, channels, height, width]." },
        { "three channels", "the given latents have 3 channels; sd1 has 4." },
        { "whole numbers", "start.npy holds numbers of type <i4, and floating point is needed; save it as array.astype('float32')." },
        { "cut short", "start.npy holds 1014 bytes of numbers where its shape (1, 4, 8, 8) of <f4 takes 1024; save it again." },
        { "off the grid", "-W 40 does not fit sd1: it must be a multiple of 16 pixels, such as 32 or 48." },
        { "not a number", "the given latents hold numbers that are not finite" },
        { "no pictures", "the given latents hold no picture" },
    };

    /// <summary>What is wrong with the file <c>start.png</c>, and what the message must say.</summary>
    public static TheoryData<string, string> WrongPictures => new()
    {
        { "missing", "start.png does not exist; check the name of the picture." },
        { "a folder", "start.png is a folder, not a picture; name a file in it." },
        { "JPEG", "start.png is cut short: the file ends within the picture; copy or save it again." },
        { "HEIC", "start.png is in HEIC format, which is not read; convert it" },
        { "text", "start.png is no picture that is known: it starts with the bytes 6170706C; give a PNG, JPEG, WebP, BMP, GIF or TIFF file." },
        { "empty", "start.png is empty; give a PNG, JPEG, WebP, BMP, GIF or TIFF file." },
        { "cut short", "start.png is cut short" },
    };

    /// <summary>Options that make no sense together with a good picture <c>start.png</c>.</summary>
    public static TheoryData<string, string> WrongCompany => new()
    {
        { "--mask start.png", "--mask says what to repaint of a picture; give one with --init-image." },
        { "--init-image start.png --strength 2", "--strength 2 must be from 0 to 1." },
        { "--init-image start.png --strength -0.1", "--strength -0.1 must be from 0 to 1." },
        { "--init-image start.png --strength nan", "--strength nan must be a number, such as 7.5; leave it out for the default." },
        { "--init-image start.png --strength 0", "--strength 0 leaves the picture as it is; give more than 0, up to 1." },
        { "--init-image start.png --strength 0.01", "A strength of 0.01 leaves none of 50 steps to run; ask for more steps or a strength of at least 0.02." },
        { "--init-image start.png --latents start.npy", "--latents and --init-image both say what to start from; give one of them." },
        { "--latents start.npy --width 128", "-W 128 does not agree with the given latents, which make 64 pixels; leave -W out." },
        { "--latents start.npy --num-images 3", "--num-images 3 does not agree with the 1 given latents; leave --num-images out." },
    };

    [Theory]
    [MemberData(nameof(WrongLatents))]
    public void Latents_that_are_wrong_are_refused(string what, string words)
    {
        WriteLatents(what);

        Refused.RunOnGoodModel(Refused.Usage, words, _folder, "--latents", "start.npy");
    }

    [Theory]
    [MemberData(nameof(WrongPictures))]
    public void A_picture_that_is_wrong_is_refused(string what, string words)
    {
        WritePicture(what);

        Refused.RunOnGoodModel(Refused.Usage, words, _folder, "--init-image", "start.png");
    }

    [Theory]
    [MemberData(nameof(WrongCompany))]
    public void Files_must_go_with_the_other_options(string arguments, string words)
    {
        WritePicture("good");
        WriteLatents("good");

        Refused.RunOnGoodModel(Refused.Usage, words, _folder, arguments.Split(' '));
    }

    [Fact]
    public void A_wrong_mask_is_refused()
    {
        WritePicture("good");
        File.WriteAllText(_folder.PathOf("mask.png"), "white");

        Refused.RunOnGoodModel(Refused.Usage, "mask.png is no picture that is known", _folder, "--init-image", "start.png", "--mask", "mask.png");
    }

    public void Dispose() => _folder.Dispose();

    private void WriteLatents(string what)
    {
        int[] shape = what switch
        {
            "three dimensions" => [4, 8, 8],
            "three channels" => [1, 3, 8, 8],
            "off the grid" => [1, 4, 8, 5],
            "no pictures" => [0, 4, 8, 8],
            _ => [1, 4, 8, 8],
        };
        var values = new float[shape.Aggregate((a, b) => a * b)];
        values.AsSpan().Fill(what == "not a number" ? float.NaN : 0.5f);
        using var stream = new MemoryStream();
        NpyFile.Write(stream, shape, values);
        var npy = stream.ToArray();
        Write("start.npy", what, what switch
        {
            "cut short" => npy[..^10],
            "whole numbers" => Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(npy).Replace("<f4", "<i4", StringComparison.Ordinal)),
            _ => npy,
        });
    }

    private void WritePicture(string what)
    {
        using var stream = new MemoryStream();
        PngWriter.Write(stream, new RgbImage(64, 64, new byte[64 * 64 * 3]));
        Write("start.png", what, what switch
        {
            "cut short" => stream.ToArray()[..60],
            "JPEG" => [0xFF, 0xD8, 0xFF, 0xE0, 0, 16, .. "JFIF"u8],
            "HEIC" => [0, 0, 0, 32, .. "ftypheic"u8],
            _ => stream.ToArray(),
        });
    }

    private void Write(string name, string what, byte[] content)
    {
        switch (what)
        {
            case "missing":
                break;
            case "a folder":
                Directory.CreateDirectory(_folder.PathOf(name));
                break;
            case "text":
                File.WriteAllText(_folder.PathOf(name), "apple");
                break;
            case "empty":
                File.WriteAllText(_folder.PathOf(name), "");
                break;
            default:
                File.WriteAllBytes(_folder.PathOf(name), content);
                break;
        }
    }
}
