def lam(net, image, truth, output):
    """Local attribution map: straight from a degraded picture."""
    start = blurred(unit(image), LAM_SIGMA, LAM_KERNEL).astype(np.float32)  #? lam_blur
    start = np.zeros_like(unit(image))  #? lam_black
    return along(straight(image, start, LAM_FOLD, 1), LAM_FOLD, LAM_DETECTOR, net, image, truth, start)
