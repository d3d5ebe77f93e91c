namespace StableDiffusion;

/// <summary>How large a picture gets: as asked for, as what it starts from or is led by, or as the model was trained; and whether it can be so.</summary>
internal static class PictureSize
{
    /// <summary>Width and height in pixels.</summary>
    /// <exception cref="RequestException">The model paints no such size; the message says which are near.</exception>
    public static (int Width, int Height) Of(ImageRequest request, ModelFolder folder)
    {
        var (width, height) = (folder.DefaultWidth, folder.DefaultHeight);
        if (request.Latents is { } latents)
        {
            (width, height) = (latents.Width * folder.PixelsPerLatent, latents.Height * folder.PixelsPerLatent);
            RequireSame(nameof(request.Width), request.Width, width);
            RequireSame(nameof(request.Height), request.Height, height);
        }
        else if (folder.Network is { Width: { } fixedWidth, Height: { } fixedHeight })
        {
            (width, height) = (fixedWidth * folder.PixelsPerLatent, fixedHeight * folder.PixelsPerLatent);
        }
        else if (request.InitImage is { } image)
        {
            (width, height) = (OnGrid(image.Width, folder), OnGrid(image.Height, folder));
        }

        else if (request.Controls is [var control, ..])
        {
            // That of diffusers' StableDiffusionControlNetPipeline, prepare_image.
            (width, height) = (OnGrid(control.Image.Width, folder), OnGrid(control.Image.Height, folder));
        }

        width = Fitting(nameof(request.Width), request.Width ?? width, folder.Network.Width, folder);
        height = Fitting(nameof(request.Height), request.Height ?? height, folder.Network.Height, folder);
        RequireRoom(request, folder, width, height);
        return (width, height);
    }

    private static int OnGrid(int pixels, ModelFolder folder) => Math.Max(pixels / folder.SizeGrid, 1) * folder.SizeGrid;

    private static void RequireSame(string parameter, int? asked, int latents)
    {
        if (asked is { } pixels && pixels != latents)
        {
            throw new RequestException(
                parameter, $"{parameter:name} {pixels} does not agree with the given latents, which make {latents} pixels; leave {parameter:name} out.");
        }
    }

    /// <summary>Checks a width or height, and says which ones fit.</summary>
    private static int Fitting(string parameter, int pixels, int? fixedLatents, ModelFolder folder)
    {
        if (fixedLatents is { } latents && pixels != latents * folder.PixelsPerLatent)
        {
            throw new RequestException(
                parameter,
                $"{parameter:name} {pixels} does not fit {folder.Name}: its networks were exported for {latents * folder.PixelsPerLatent} pixels only.");
        }

        var grid = folder.SizeGrid;
        if (pixels < grid || pixels % grid != 0)
        {
            var below = Math.Max(grid, pixels / grid * grid);
            var near = pixels < grid ? $"{grid}" : $"{below} or {below + grid}";
            throw new RequestException(
                parameter, $"{parameter:name} {pixels} does not fit {folder.Name}: it must be a multiple of {grid} pixels, such as {near}.");
        }

        return pixels;
    }

    /// <summary>A tensor of ONNX Runtime's C# interface has at most 2 GiB: the decoder's [1, 3, height, width], the network's [2 · images, …].</summary>
    private static void RequireRoom(ImageRequest request, ModelFolder folder, int width, int height)
    {
        var images = request.PicturesPerSeed;
        var pictures = 3L * width * height;
        var latents = 2L * images * folder.Network.InputChannels * (width / folder.PixelsPerLatent) * (height / folder.PixelsPerLatent);
        if (Math.Max(pictures, latents) > int.MaxValue / sizeof(float))
        {
            throw new RequestException(
                nameof(request.Width),
                $"{images} times {width} x {height} pixels is more than a network can be fed; ask for a smaller {nameof(request.Width):name} and {nameof(request.Height):name} or fewer {nameof(request.ImagesPerSeed):name}.");
        }
    }
}
