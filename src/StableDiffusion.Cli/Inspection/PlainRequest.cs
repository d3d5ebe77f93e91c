namespace StableDiffusion.Cli;

/// <summary>A picture to try a model with.</summary>
internal static class PlainRequest
{
    /// <summary>A prompt that the family takes: none, a class, or a text.</summary>
    public static string PromptFor(ModelFolder folder) => folder.Family switch
    {
        UnconditionalFamily => "",
        DitFamily => "0",
        _ => "a red apple",
    };

    /// <summary>A request that the family takes: without a text, with a class, or with a picture to fill.</summary>
    public static ImageRequest For(ImageRequest request, ModelFolder folder)
    {
        RgbImage Grey(byte level) => new(folder.DefaultWidth, folder.DefaultHeight, Enumerable.Repeat(level, folder.DefaultWidth * folder.DefaultHeight * 3).ToArray());
        request = request.Prompt.Length > 0 ? request : request with { Prompt = PromptFor(folder) };
        return folder.Family is InpaintingFamily ? request with { InitImage = Grey(128), Mask = Grey(255) } : request;
    }
}
